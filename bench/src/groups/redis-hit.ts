import type { Cache } from '@otel-cache/core'
import { gatheredByHand, storeByHand } from '../by-hand.js'
import { inTurn, largeDocument, manyKeys, smallDocument, TTL } from '../documents.js'
import { type Case, type Figure, type Group, timesOf, unmeteredAndMetered } from '../group.js'

const BARE = 'ioredis get + JSON.parse'
const WITHIN = { bare: 1.1 }
const BY_HAND = 'the same by hand'
const CALLERS = 64

const OPERATIONS: ReadonlyArray<readonly [string, (cache: Cache, key: string) => Promise<unknown>]> = [
  ['get', (cache, key) => cache.get(key)],
  ['getOrSet', (cache, key) => cache.getOrSet(key, neverLoaded)],
]

export const redisHit200b: Group = redisHit('redis-hit-200b', smallDocument, 1, [
  ...timesOf('get', BARE, WITHIN),
  ...timesOf('getOrSet', BARE),
])

export const redisHit10kb: Group = redisHit('redis-hit-10kb', largeDocument, 1, timesOf('get', BARE, WITHIN))

export const redisHit64Callers: Group = withCases(
  unmeteredAndMetered(({ metered, suffix }) => byHand(metered, suffix)),
  redisHit('redis-hit-64-callers', smallDocument, CALLERS, [
    { subject: 'get', floor: BARE, kind: 'throughput', bound: { limit: 2.5 } },
    { subject: 'get, metered', floor: BARE, kind: 'throughput', bound: { limit: 1.3 } },
    ...unmeteredAndMetered(({ suffix }): Figure => ({ subject: `getOrSet${suffix}`, floor: BARE, kind: 'throughput' })),
    ...unmeteredAndMetered(({ suffix }): Figure => ({ subject: BY_HAND + suffix, floor: BARE, kind: 'throughput' })),
    ...unmeteredAndMetered(
      ({ suffix }): Figure => ({ subject: `get${suffix}`, floor: BY_HAND + suffix, kind: 'throughput' }),
    ),
  ]),
)

function withCases(cases: readonly Case[], group: Group): Group {
  return { ...group, cases: [...group.cases, ...cases] }
}

/** One MGET a tick and what the contract asks of each reply; where metered, two clock reads and the SDK's two records. */
function byHand(metered: boolean, suffix: string): Case {
  return {
    name: BY_HAND + suffix,
    awaited: true,
    callers: CALLERS,
    async prepare(stage) {
      const redis = await stage.redis()
      const keys = manyKeys('hand:together:')
      await storeByHand(redis, keys, smallDocument)
      const key = inTurn(keys)
      const get = gatheredByHand(redis)
      if (!metered) return () => get(key())
      const meter = stage.meterProvider(1).getMeter('by hand')
      const [inMilliseconds, inSeconds] = [
        meter.createHistogram('by_hand_ms'),
        meter.createHistogram('by_hand_seconds'),
      ]
      const attributes = { cache: 'by hand', operation: 'get' }
      return async () => {
        const started = performance.now()
        const value = await get(key())
        const duration = performance.now() - started
        inMilliseconds.record(duration, attributes)
        inSeconds.record(duration / 1_000, attributes)
        return value
      }
    },
  }
}

/** A hit in Redis, with the memory tier off. Each caller waits for its answer before it asks for another key. */
function redisHit(
  name: string,
  documentOf: (id: number) => unknown,
  callers: number,
  figures: readonly Figure[],
): Group {
  const bare: Case = {
    name: BARE,
    awaited: true,
    callers,
    async prepare(stage) {
      const redis = await stage.redis()
      const keys = manyKeys(`bare:${name}:`)
      for (const [id, key] of keys.entries()) await redis.set(key, JSON.stringify(documentOf(id)), 'PX', TTL)
      const key = inTurn(keys)
      return async () => {
        const stored = await redis.get(key())
        return stored === null ? undefined : JSON.parse(stored)
      }
    },
  }
  const cached = OPERATIONS.flatMap(([operation, call]) =>
    unmeteredAndMetered(
      ({ metered, suffix }): Case => ({
        name: operation + suffix,
        awaited: true,
        callers,
        async prepare(stage) {
          const keys = manyKeys('')
          const options = { redis: await stage.redis(), memory: false } as const
          const cache = await stage.filledCache(keys, documentOf, options, metered)
          const key = inTurn(keys)
          return () => call(cache, key())
        },
      }),
    ),
  )
  const compared = cached.filter((one) => figures.some(({ subject }) => subject === one.name))
  return { name, figures, cases: [bare, ...compared] }
}

function neverLoaded(): never {
  throw new Error('Redis should have had this key')
}
