import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { Lockfile } from '../../src/lockfile.js'
import { pack, readJson, writeJson } from '../../src/packed.js'
import { HERE } from '../../src/paths.js'
import { pnpm } from '../../src/run.js'

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
  await cp(join(HERE, 'programs'), folder, { recursive: true })
  const project = await readJson<{ dependencies: object }>(join(HERE, 'projects', name, 'package.json'))
  const core = `file:${packed.core}`
  const ours = { '@otel-cache/core': core, '@otel-cache/exporter': `file:${packed.exporter}`, library: 'workspace:*' }
  await writeJson(join(folder, 'package.json'), { ...project, dependencies: { ...project.dependencies, ...ours } })
  const library = { name: 'library', private: true, type: 'module', exports: './index.js' }
  const dependencies = { '@opentelemetry/api': libraryApi, '@otel-cache/core': core }
  await writeJson(join(folder, 'library/package.json'), { ...library, dependencies })
  await writeFile(join(folder, 'pnpm-workspace.yaml'), 'packages: [library]\nallowBuilds: { protobufjs: false }\n')
  // The workspace has fetched these versions already; so it stays, also years from now.
  const lockfile = await Lockfile.read()
  await writeFile(
    join(folder, 'pnpm-lock.yaml'),
    lockfile.for(lockfile.dependenciesOf(`packages/setups/projects/${name}`)),
  )
  await pnpm(folder, 'install', '--no-frozen-lockfile', '--prefer-offline')
}
