import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Locked, Lockfile } from '../lockfile.js'
import { type Packed, writeJson } from '../packed.js'
import { pnpm, run } from '../run.js'
import type { Combination } from './factors.js'

/** What of a combination makes a difference to what is installed. */
export type Dependencies = Pick<Combination, 'installer' | 'otel' | 'ioredis'>

export function folderNameOf({ installer, otel, ioredis }: Dependencies): string {
  return `${installer}-otel-${otel}-ioredis-${ioredis}`
}

const OTEL = ['@opentelemetry/api', '@opentelemetry/exporter-prometheus', '@opentelemetry/sdk-metrics']

/** What the application depends on beside our packages, in the versions that the workspace has. */
function dependenciesOf({ otel, ioredis }: Omit<Dependencies, 'installer'>, lockfile: Lockfile): Locked {
  const sdk = lockfile.dependenciesOf(`packages/setups/projects/sdk-${otel}`)
  const own = lockfile.dependenciesOf('packages/setups/projects/installs')
  const pick = (from: Locked, name: string, alias: string = name) => {
    const found = from[alias]
    if (found === undefined) throw new Error(`the lockfile has no ${alias}`)
    // Of an alias: `npm:ioredis@5.11.1`, locked as `ioredis@5.11.1(...)`.
    const plain = (text: string) => text.replace(`npm:${name}@`, '').replace(new RegExp(`^${name}@`), '')
    return [name, { specifier: plain(found.specifier), version: plain(found.version) }] as const
  }
  return Object.fromEntries([
    ...OTEL.map((name) => pick(sdk, name)),
    ...['@types/node', 'devalue'].map((name) => pick(own, name)),
    ...(ioredis === 'none' ? [] : [pick(own, 'ioredis', `ioredis${ioredis}`)]),
  ])
}

/** Installs an application's dependencies, and our packages as they would be published, in a folder that it makes. */
export async function install(
  folder: string,
  dependencies: Dependencies,
  { packed, lockfile, cache }: { packed: Packed; lockfile: Lockfile; cache: string },
): Promise<void> {
  await mkdir(folder)
  const locked = dependenciesOf(dependencies, lockfile)
  const direct = Object.fromEntries(Object.entries(locked).map(([name, { specifier }]) => [name, specifier]))
  const ours = { '@otel-cache/core': `file:${packed.core}`, '@otel-cache/exporter': `file:${packed.exporter}` }
  const manifest = { name: 'application', private: true, dependencies: { ...direct, ...ours } }
  if (dependencies.installer === 'pnpm') {
    await writeJson(join(folder, 'package.json'), manifest)
    // Not part of any workspace above it.
    await writeFile(join(folder, 'pnpm-workspace.yaml'), 'packages: []\n')
    await writeFile(join(folder, 'pnpm-lock.yaml'), lockfile.for(locked))
    await pnpm(folder, 'install', '--no-frozen-lockfile', '--prefer-offline')
  } else {
    await writeJson(join(folder, 'package.json'), { ...manifest, overrides: lockfile.behind(locked) })
    await npmInstall(folder, cache)
  }
}

/** Has npm install what the folder's manifest says, and what is named beside it, with a cache of its own. */
export async function npmInstall(folder: string, cache: string, ...packages: string[]): Promise<void> {
  const args = ['--no-audit', '--no-fund', '--prefer-offline', '--cache', cache, '--loglevel', 'error']
  await run('npm', ['install', ...packages, ...args], folder)
}
