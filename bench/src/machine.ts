import { readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'
import type { RedisServer } from '@otel-cache/test-servers'

/** What the figures were measured on. */
export interface Machine {
  readonly cpu: string
  readonly processors: number
  /** In GiB. */
  readonly memory: number
  readonly os: string
  /** How many processes wanted a processor in the minute before. */
  readonly load: number
  /** In UTC, to the minute. */
  readonly date: string
  /** Of Node.js, redis-server and the packages, by name. */
  readonly versions: Readonly<Record<string, string>>
}

const PACKAGES = [
  '@otel-cache/core',
  '@otel-cache/exporter',
  '@opentelemetry/api',
  '@opentelemetry/sdk-metrics',
  'ioredis',
  'lru-cache',
  'cache-manager',
  'cacheable',
  'async-cache-dedupe',
  'layered-loader',
  '@redis/client',
] as const

/** Of the peer that takes another ioredis. */
const WITH_IOREDIS_5 = new URL('../with-ioredis-5/node_modules/', import.meta.url)

export async function machineOf(server: RedisServer): Promise<Machine> {
  const [load = 0] = loadavg()
  const redis = /redis_version:(\S+)/.exec(String(await server.command('INFO', 'server')))?.[1] ?? 'unknown'
  const packages = PACKAGES.map((name) => [name, versionOf(name)] as const)
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    processors: availableParallelism(),
    memory: Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release()} ${arch()}`,
    load: Number(load.toFixed(1)),
    date: `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    versions: {
      'Node.js': process.versions.node,
      'redis-server': redis,
      ...Object.fromEntries(packages),
      bentocache: versionIn('bentocache'),
      'its ioredis': versionIn('ioredis'),
    },
  }
}

function versionIn(name: string): string {
  return JSON.parse(readFileSync(new URL(`${name}/package.json`, WITH_IOREDIS_5), 'utf8')).version
}

/** Of the package as it is installed for the bench: not every package lets its package.json be imported. */
function versionOf(name: string): string {
  for (let folder = new URL('.', import.meta.resolve(name)); folder.pathname !== '/'; folder = new URL('..', folder)) {
    try {
      const found = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'))
      if (found.name === name) return found.version
    } catch {}
  }
  throw new Error(`no package.json of '${name}' above its entry`)
}
