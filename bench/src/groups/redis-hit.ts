import { inTurn, largeDocument, manyKeys, smallDocument, TTL } from '../documents.js'
import { type Case, type Figure, type Group, timesOf, unmeteredAndMetered } from '../group.js'

const BARE = 'ioredis get + JSON.parse'
const WITHIN = { bare: 1.1 }

export const redisHit200b: Group = redisHit('redis-hit-200b', smallDocument, 1, timesOf('get', BARE, WITHIN))

export const redisHit10kb: Group = redisHit('redis-hit-10kb', largeDocument, 1, timesOf('get', BARE, WITHIN))

export const redisHit64Callers: Group = redisHit('redis-hit-64-callers', smallDocument, 64, [
  { subject: 'get', floor: BARE, kind: 'throughput', bound: { limit: 2.5 } },
  { subject: 'get, metered', floor: BARE, kind: 'throughput', bound: { limit: 1.3 } },
])

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
  const cached = unmeteredAndMetered(
    ({ metered, suffix }): Case => ({
      name: `get${suffix}`,
      awaited: true,
      callers,
      async prepare(stage) {
        const keys = manyKeys('')
        const options = { redis: await stage.redis(), memory: false } as const
        const cache = await stage.filledCache(keys, documentOf, options, metered)
        const key = inTurn(keys)
        return () => cache.get(key())
      },
    }),
  )
  return { name, figures, cases: [bare, ...cached] }
}
