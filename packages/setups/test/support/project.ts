import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../../', import.meta.url))
const here = join(root, 'packages/setups')
const PUBLISHED = ['core', 'exporter'] as const

export interface Project {
  /** Where the programs are, beside `node_modules`. */
  readonly folder: string
}

/**
 * An application outside the workspace that depends on what `projects/NAME/package.json` says, on our packages as they
 * would be published, and on a library that brings another release of the api. Made once for a file's tests.
 */
export function useProject(name: 'sdk-2' | 'sdk-3', libraryApi: string): Project {
  let folder: string | undefined
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'otel-cache-setup-'))
    // vitest calls no `afterAll` behind a `beforeAll` that failed.
    await install(folder, name, libraryApi).catch(async (error) => {
      await remove(folder)
      throw error
    })
  }, 180_000)
  afterAll(() => remove(folder))
  return {
    get folder() {
      if (folder === undefined) throw new Error('the project is not installed yet')
      return folder
    },
  }
}

async function remove(folder: string | undefined): Promise<void> {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
}

async function install(folder: string, name: string, libraryApi: string): Promise<void> {
  const packed = await pack(join(folder, 'packed'))
  await cp(join(here, 'programs'), folder, { recursive: true })
  const project = JSON.parse(await readFile(join(here, 'projects', name, 'package.json'), 'utf8'))
  const core = `file:${packed.core}`
  const ours = { '@otel-cache/core': core, '@otel-cache/exporter': `file:${packed.exporter}`, library: 'workspace:*' }
  await writeJson(join(folder, 'package.json'), { ...project, dependencies: { ...project.dependencies, ...ours } })
  const library = { name: 'library', private: true, type: 'module', exports: './index.js' }
  const dependencies = { '@opentelemetry/api': libraryApi, '@otel-cache/core': core }
  await writeJson(join(folder, 'library/package.json'), { ...library, dependencies })
  await writeFile(join(folder, 'pnpm-workspace.yaml'), 'packages: [library]\nallowBuilds: { protobufjs: false }\n')
  await writeFile(join(folder, 'pnpm-lock.yaml'), await lockfile(`packages/setups/projects/${name}`))
  await pnpm(folder, 'install', '--no-frozen-lockfile', '--prefer-offline')
}

/** Packs what is published, as a registry would get it. */
async function pack(folder: string): Promise<Record<(typeof PUBLISHED)[number], string>> {
  await mkdir(folder)
  for (const name of PUBLISHED) await pnpm(join(root, 'packages', name), 'pack', '--pack-destination', folder)
  const tarballs = await readdir(folder)
  const path = (name: string) => join(folder, tarballs.find((file) => file.startsWith(`otel-cache-${name}-`)) ?? name)
  return { core: path('core'), exporter: path('exporter') }
}

/**
 * The workspace's lockfile as that of one of its projects alone: an installation elsewhere then takes the very versions
 * that the workspace has fetched already, also years from now.
 */
async function lockfile(project: string): Promise<string> {
  const lock = await readFile(join(root, 'pnpm-lock.yaml'), 'utf8')
  const section = (start: string, end: string) => {
    const [, rest] = lock.split(start)
    return rest?.slice(0, rest.search(end)) ?? ''
  }
  const head = lock.slice(0, lock.indexOf('\ncatalogs:'))
  const importer = section(`\n  ${project}:\n`, '\n(packages:|  \\S)')
  const packages = lock.slice(lock.indexOf('\npackages:'))
  return `${head}\nimporters:\n\n  .:\n${importer}\n${packages}`
}

/** With the pnpm that runs the tests, which tells its scripts where it is; or else with the one that npm fetches. */
async function pnpm(cwd: string, ...args: string[]): Promise<void> {
  const { npm_execpath: current = '' } = process.env
  const [command, ...first] = basename(current).startsWith('pnpm') ? [current] : ['npx', '--yes', 'pnpm@12']
  try {
    await run(command as string, [...first, ...args], { cwd, encoding: 'utf8' })
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`pnpm ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error })
  }
}

async function writeJson(path: string, content: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(content, null, 2)}\n`)
}
