import { setTimeout as pause } from 'node:timers/promises'
import type { RedisServer, Reply } from '@otel-cache/test-servers'
import { makeProvider, type TestReader } from '../support/metrics.js'
import { until } from '../support/until.js'
import type { ClientName, Fault, World } from './fault.js'
import { type Call, Load, type Value } from './load.js'
import { inWorld } from './world.js'

/** Longer than the slowest wait that is accepted. */
const LASTS = 1_500
/** So many calls at least are to begin and end meanwhile. */
export const ENOUGH = 50
/** What is looked at once all is well again. */
const AFTERWARDS = 300

/** What became of a load that went through a fault. Instants and durations are milliseconds. */
export interface Played {
  /** Those that began and ended while it lasted. */
  readonly during: readonly Call[]
  /** Those that ended while it lasted or after it. */
  readonly since: readonly Call[]
  readonly lies: ReadonlySet<string>
  /** What was read, or found in Redis in the end, although a change had removed it. */
  readonly contradictions: readonly string[]
  readonly redisHits: number
  readonly mostUnconfirmed: number
  readonly hasOpened: boolean
  /** From the client's `ready`, or the server's first answer. */
  readonly trustedAfter: number
  readonly replayedAfter: number
  /** What the metrics said in the end, by type. */
  readonly errors: Readonly<Record<string, number>>
  readonly skipped: number
  /** What metrics, `stats()` and the callers' own record count of the same: equal, or somebody is wrong. */
  readonly accounts: ReadonlyArray<readonly [what: string, one: number, other: number]>
}

/** Leads a steady load through the fault, from a healthy Redis to a healthy Redis. */
export function play(fault: Fault, clientName: ClientName): Promise<Played> {
  const { provider, cumulative } = makeProvider()
  return inWorld(fault, clientName, { meterProvider: provider }, (world) => playIn(fault, world, cumulative))
}

async function playIn(fault: Fault, world: World, reader: TestReader): Promise<Played> {
  const { lasts = LASTS, again, fromStart = false } = fault
  const { cache, client } = world
  const load = new Load(cache)
  load.start()
  if (!fromStart) await until(() => isWarm(load), 'hits and confirmed changes')

  const began = performance.now()
  if (!fromStart) await fault.begin(world)
  const begun = performance.now()
  for (let left = lasts; left > 0; left = begun + lasts - performance.now()) {
    await pause(Math.min(again ?? left, left))
    if (again !== undefined) await fault.begin(world)
  }
  // On a machine that is busy elsewhere calls are few: it goes on until they tell something.
  await until(() => load.calls.filter(({ began: at }) => at > begun).length > ENOUGH, 'calls enough')
  const over = performance.now()
  const redisHits = cache.stats().hits.redis - (load.samples.find(({ at }) => at > began)?.redisHits ?? 0)
  let readyAt: number | undefined
  client.once('ready', () => {
    readyAt = performance.now()
  })
  await fault.end(world)
  const ended = performance.now()
  await until(() => client.status === 'ready', 'the client to be ready')
  const back = readyAt ?? ended
  await until(() => trustedAt(load, over) !== undefined && replayedAt(load, over) !== undefined, 'trust')

  await pause(AFTERWARDS)
  await load.stop()
  await until(() => cache.stats().unconfirmed === 0, 'the replay')
  const contradictions = [...load.contradictions, ...(await remnants(fault, world, load))]
  const told = await reader.read()
  const { errors, misses, hits } = cache.stats()
  const reads = load.calls.filter(({ operation }) => operation === 'get' || operation === 'getOrSet')
  const since = load.calls.filter((call) => call.ended > began)
  const byType: Record<string, number> = {}
  for (const { attributes, value } of told.points('redis_cache_errors_total')) {
    const { error_type: type } = attributes as { error_type: string }
    if (value !== 0) byType[type] = (byType[type] ?? 0) + (value as number)
  }
  return {
    during: since.filter((call) => call.began > begun && call.ended < over),
    since,
    lies: load.lies,
    contradictions,
    redisHits,
    mostUnconfirmed: Math.max(0, ...load.samples.map(({ unconfirmed }) => unconfirmed)),
    hasOpened: load.samples.some(({ isClosed }) => !isClosed),
    trustedAfter: Math.max(0, (trustedAt(load, over) as number) - back),
    replayedAfter: Math.max(0, (replayedAt(load, over) as number) - back),
    errors: byType,
    skipped: told.sum('redis_cache_skipped_total') ?? 0,
    accounts: [
      ['lookups', hits.memory + hits.redis + misses, reads.length],
      ['hits', told.sum('redis_cache_hits_total') ?? 0, hits.memory + hits.redis],
      ['misses', told.sum('redis_cache_misses_total') ?? 0, misses],
      ['errors', told.sum('redis_cache_errors_total') ?? 0, errors],
      ['unconfirmed', told.sum('redis_cache_unconfirmed') ?? -1, 0],
      ['circuit', told.sum('redis_cache_circuit_state') ?? -1, 0],
    ],
  }
}

function isWarm({ calls, samples }: Load): boolean {
  const has = (result: Call['result']) => calls.some((call) => call.result === result)
  return calls.length > 100 && has('confirmed') && (samples.at(-1)?.redisHits ?? 0) > 0
}

/** When a call that ended after that instant was first answered by Redis. */
function trustedAt({ calls, samples }: Load, after: number): number | undefined {
  const before = samples.findLast(({ at }) => at <= after)?.redisHits ?? 0
  const hit = samples.find(({ at, redisHits }) => at > after && redisHits > before)?.at
  const change = calls.find(({ ended, result }) => ended > after && result === 'confirmed')?.ended
  return hit === undefined || change === undefined ? (hit ?? change) : Math.min(hit, change)
}

/** When, after that instant, nothing was left to be replayed. */
function replayedAt({ samples }: Load, after: number): number | undefined {
  return samples.find(({ at, unconfirmed, isClosed }) => at > after && unconfirmed === 0 && isClosed)?.at
}

/**
 * Looks into Redis past the cache, once all is confirmed: what was changed must not be there as it was before, whatever
 * the change had returned.
 */
async function remnants(fault: Fault, world: World, load: Load): Promise<string[]> {
  const found: string[] = []
  for (const redis of await mastersOf(fault, world)) {
    for (const name of (await redis.command('KEYS', '*v:*')) as string[]) {
      if ((await redis.command('TYPE', name)) !== 'string') continue
      const body = String(await redis.command('GET', name)).split('\n')[1]
      const { key, born } = JSON.parse(body ?? '{}') as Value
      const floor = load.changed.get(key) ?? 0
      if (born < floor) found.push(`Redis has of ${key}: ${born}, changed at ${floor}`)
    }
  }
  return found
}

async function mastersOf({ behind }: Fault, { server, sentinel, cluster }: World): Promise<readonly RedisServer[]> {
  if (behind === 'sentinel') return [await sentinel.master()]
  if (behind !== 'cluster') return [server]
  const roles = await Promise.all(cluster.nodes.map((node) => node.command('ROLE').catch(() => [])))
  return cluster.nodes.filter((_, index) => (roles[index] as Reply[])[0] === 'master')
}
