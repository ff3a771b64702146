import { deepStrictEqual } from 'node:assert/strict'
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { writeJson } from '../packed.js'
import { HERE } from '../paths.js'
import { run } from '../run.js'
import type { Combination } from './factors.js'
import { nodeOf, tscOf, versionsOf } from './tools.js'

/** The application in TypeScript, below the folder where its dependencies are. */
export async function writeApplication(folder: string, { ioredis, module, resolution }: Combination): Promise<void> {
  const program = (name: string) => join(HERE, 'application', name)
  const redis = ioredis === 'none' ? 'without-ioredis.ts' : 'with-ioredis.ts'
  await mkdir(join(folder, 'src'), { recursive: true })
  await copyFile(program('main.ts'), join(folder, 'src/main.ts'))
  await copyFile(program(redis), join(folder, 'src/redis.ts'))
  await copyFile(program('web.yml'), join(folder, 'web.yml'))
  await writeJson(join(folder, 'package.json'), { private: true, type: module === 'esm' ? 'module' : 'commonjs' })
  const bundled = module === 'esm' ? 'ESNext' : 'CommonJS'
  const compilerOptions = {
    target: 'ES2022',
    // Who bundles often has the browser's types beside Node's, who does not has not.
    lib: resolution === 'NodeNext' ? ['ES2022'] : ['ES2022', 'DOM'],
    module: resolution === 'NodeNext' ? 'NodeNext' : bundled,
    moduleResolution: resolution,
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    rootDir: 'src',
    outDir: 'dist',
  }
  await writeJson(join(folder, 'tsconfig.json'), { compilerOptions, include: ['src'] })
}

/** Compiles it, on the Node on which that takes least. Rejects with what the compiler said. */
export async function compile(folder: string, { typescript }: Pick<Combination, 'typescript'>): Promise<void> {
  await run(nodeOf('24'), [tscOf(typescript), '--project', '.'], folder)
}

/** Runs it to its end, and looks whether it ran on what the combination names. Rejects with all that it said. */
export async function runToEnd(folder: string, combination: Combination, redisPort: number): Promise<void> {
  // Nothing of what this process runs with, such as NODE_OPTIONS or OTEL_*.
  const env = { REDIS_PORT: String(redisPort) }
  const { stdout, stderr } = await run(nodeOf(combination.node), ['dist/main.js'], folder, env)
  const { node } = await versionsOf(combination)
  deepStrictEqual({ stdout, stderr }, { stdout: `{"node":"v${node}"}\n`, stderr: '' })
}
