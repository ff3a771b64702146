import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compile, writeApplication } from '../src/installs/application.js'
import { ALLOWED, type Combination, FACTORS, nameOf } from '../src/installs/factors.js'
import { pairwise } from '../src/installs/pairwise.js'
import { Runner } from '../src/installs/runner.js'
import { nodeOf, versionsOf } from '../src/installs/tools.js'
import { type Packed, readJson } from '../src/packed.js'
import { HERE } from '../src/paths.js'
import { run } from '../src/run.js'

/** What was chosen waits for an installation, and for others. */
const TIMEOUT = 300_000

const chosen = pairwise(ALLOWED)
let runner: Runner
beforeAll(async () => {
  runner = await Runner.start()
}, 180_000)
afterAll(() => runner?.stop())

describe('the packed packages, installed, compiled and run', { timeout: TIMEOUT }, () => {
  for (const combination of chosen) test.concurrent(nameOf(combination), () => runner.try(combination))
})

describe('what is claimed is what runs', () => {
  test('each Node and each TypeScript is of the version that it is called by', async () => {
    const { dependencies } = await readJson<{ dependencies: Record<string, string> }>(
      join(HERE, 'projects/installs/package.json'),
    )
    const [first] = chosen as [Combination]
    for (const node of FACTORS.node) {
      const { node: said } = await versionsOf({ ...first, node })
      expect(`npm:node@${said}`).toBe(dependencies[`node${node}`])
      expect(said.startsWith(`${node}.`)).toBe(true)
    }
    for (const typescript of FACTORS.typescript) {
      const { typescript: said } = await versionsOf({ ...first, typescript })
      expect(`npm:typescript@${said}`).toBe(dependencies[`typescript${typescript}`])
      expect(said.startsWith(`${typescript}.`)).toBe(true)
    }
  })

  test.for(FACTORS.installer)(
    'with %s the OpenTelemetry and the ioredis are those',
    { timeout: TIMEOUT },
    async (installer) => {
      for (const otel of FACTORS.otel) {
        for (const ioredis of FACTORS.ioredis) {
          const modules = join(await runner.installed({ installer, otel, ioredis }), 'node_modules')
          const version = async (name: string) =>
            (await readJson<{ version: string }>(join(modules, name, 'package.json'))).version.split('.')[0]
          expect(await version('@opentelemetry/sdk-metrics')).toBe(otel)
          if (ioredis === 'none') expect(existsSync(join(modules, 'ioredis'))).toBe(false)
          else expect(await version('ioredis')).toBe(ioredis)
        }
      }
    },
  )
})

describe('what is left out cannot be had', () => {
  const dependencies = { installer: 'pnpm', otel: '3', ioredis: 'none' } as const

  test('OpenTelemetry SDK 3 asks for Node 22.15', { timeout: TIMEOUT }, async () => {
    const folder = join(await runner.installed(dependencies), 'node_modules/@opentelemetry/sdk-metrics')
    const { engines } = await readJson<{ engines: unknown }>(join(folder, 'package.json'))
    expect(engines).toEqual({ node: '>=22.15.0' })
  })

  test('TypeScript 5.9 refuses Bundler for CommonJS', { timeout: TIMEOUT }, async () => {
    const combination = {
      ...dependencies,
      typescript: '5.9',
      module: 'cjs',
      resolution: 'Bundler',
      node: '22',
    } as const
    const folder = join(await runner.installed(dependencies), 'refused')
    await writeApplication(folder, combination)
    await expect(compile(folder, combination)).rejects.toThrow('TS5095')
  })
})

describe('nothing comes that is not needed', { timeout: TIMEOUT }, () => {
  test('with the core: the OpenTelemetry API, which is its peer', async () => {
    expect(await whatComesWith('core')).toEqual(['@opentelemetry/api', '@otel-cache/core'])
  })

  test("with the exporter: three libraries, and its peers' OpenTelemetry", async () => {
    expect(await whatComesWith('exporter')).toEqual([
      '@opentelemetry/api',
      '@opentelemetry/core',
      '@opentelemetry/exporter-prometheus',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-metrics',
      '@opentelemetry/semantic-conventions',
      '@otel-cache/exporter',
      'bcryptjs',
      'uplot',
      'yaml',
    ])
  })

  test('the core works without devalue, all but the codec that is made of it', async () => {
    const folder = await runner.installedAlone('core')
    const script = (program: string) => run(nodeOf('20'), ['--eval', program], folder)
    const { stdout } = await script(`
      const { createCache } = require('@otel-cache/core')
      const { bytesCodec } = require('@otel-cache/core/codecs/bytes')
      const cache = createCache({ name: 'images', codec: bytesCodec })
      cache.set('1', Buffer.from('image')).then(() => cache.get('1')).then((image) => console.log(String(image)))
    `)
    expect(stdout).toBe('image\n')
    await expect(script(`require('@otel-cache/core/codecs/structured')`)).rejects.toThrow("'devalue'")
  })

  /** The names of all that npm puts into an empty application that is given a package. */
  async function whatComesWith(name: keyof Packed): Promise<string[]> {
    const modules = join(await runner.installedAlone(name), 'node_modules')
    const { packages } = await readJson<{ packages: object }>(join(modules, '.package-lock.json'))
    // OpenTelemetry's own are there in two versions where one of them asks for an older one.
    const names = Object.keys(packages).map((path) => path.split('node_modules/').at(-1) ?? '')
    return [...new Set(names)].sort()
  }
})
