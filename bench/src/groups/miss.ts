import { smallDocument, TTL } from '../documents.js'
import { type Case, type Group, timesOf, unmeteredAndMetered } from '../group.js'

const BARE = 'ioredis get, loader, set PX'

const bare: Case = {
  name: BARE,
  awaited: true,
  async prepare(stage) {
    const redis = await stage.redis()
    let newest = 0
    return async () => {
      const id = newest++
      const key = `bare:new:${id}`
      const stored = await redis.get(key)
      if (stored !== null) return JSON.parse(stored)
      const value = smallDocument(id)
      await redis.set(key, JSON.stringify(value), 'PX', TTL)
      return value
    }
  },
}

/** A key that nobody has, with a loader that answers at once. */
export const miss: Group = {
  name: 'miss',
  cases: [
    bare,
    ...unmeteredAndMetered(
      ({ metered, suffix }): Case => ({
        name: `getOrSet${suffix}`,
        awaited: true,
        async prepare(stage) {
          const cache = stage.cache({ redis: await stage.redis() }, metered, 'misses')
          let newest = 0
          return () => {
            const id = newest++
            return cache.getOrSet(`new:${id}`, () => smallDocument(id))
          }
        },
      }),
    ),
  ],
  figures: timesOf('getOrSet', BARE, { bare: 1.3, metered: 1.3 }),
}
