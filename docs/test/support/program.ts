import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DOCS, REPOSITORY_ROOT } from '../../.vitepress/paths.js'
import { type Block, place } from './blocks.js'

/** Below `docs`, so that the blocks find what it depends on, as a reader's application would. */
const CACHE = join(DOCS, 'node_modules/.cache')

/** A reader's settings, with nothing left unchecked. */
const SETTINGS = {
  compilerOptions: {
    target: 'ES2022',
    lib: ['ES2023'],
    types: ['node'],
    module: 'NodeNext',
    strict: true,
    skipLibCheck: false,
    moduleDetection: 'force',
    experimentalDecorators: true,
    allowJs: true,
    checkJs: false,
    // A block may show half of a thing, but no wrong one.
    noUnusedLocals: false,
    rootDir: 'src',
    outDir: 'out',
  },
  include: ['src'],
}

export interface Program {
  /** What is wrong with a block. */
  errorsOf(block: Block): readonly string[]
  /** The module that was made of it. */
  moduleOf(block: Block): string
}

/** Writes every block as a module into a folder of this name, and compiles them all at once. */
export async function compile(name: string, blocks: readonly Block[]): Promise<Program> {
  const folder = join(CACHE, name)
  const source = join(folder, 'src')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(source, { recursive: true })
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(SETTINGS))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  cpSync(fileURLToPath(new URL('ambient.d.ts', import.meta.url)), join(source, 'ambient.d.ts'))
  for (const block of blocks) writeFileSync(join(source, sourceName(block)), block.text)
  const { code, output } = await run(process.execPath, [compiler(), '-p', folder, '--pretty', 'false'], { cwd: source })
  const errors = output.split('\n').filter((line) => /^[^ ].*: error TS/.test(line))
  const strange = errors.filter((error) => !blocks.some((block) => error.startsWith(`${sourceName(block)}(`)))
  if (strange.length > 0 || (code !== 0 && errors.length === 0)) throw new Error(output)
  return {
    errorsOf: (block) => {
      const name = sourceName(block)
      return errors
        .filter((error) => error.startsWith(`${name}(`))
        .map((error) => inPage(block, error.slice(name.length)))
    },
    moduleOf: (block) => join(folder, 'out', sourceName(block).replace(/ts$/, 'js')),
  }
}

function sourceName(block: Block): string {
  return `${place(block).replace(/[^a-zA-Z\d]+/g, '-')}.${block.language}`
}

function inPage({ file, line }: Block, error: string): string {
  return error.replace(
    /^\((\d+),(\d+)\)/,
    (_, row: string, column: string) => `${file}:${line + Number(row)}:${column}`,
  )
}

function compiler(): string {
  const require = createRequire(join(REPOSITORY_ROOT, 'package.json'))
  return join(dirname(require.resolve('typescript/package.json')), 'bin/tsc')
}

export interface Run {
  /** Its exit code, or the signal that ended it. */
  readonly code: number | NodeJS.Signals | null
  readonly output: string
}

/** Runs a program to its end, or for so long. */
export function run(
  file: string,
  args: readonly string[],
  { timeout = 120_000, ...options }: { timeout?: number; cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Run> {
  return new Promise((resolve, reject) => {
    let output = ''
    const child = spawn(file, args, { ...options, timeout, killSignal: 'SIGKILL', stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    child.on('error', reject).on('close', (code, signal) => resolve({ code: code ?? signal, output }))
  })
}
