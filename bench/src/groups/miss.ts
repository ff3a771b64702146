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

const BY_HAND = 'the same trips by hand'

const CLAIM = `
local value = redis.call('GET', KEYS[1])
if value then return value end
return redis.call('SET', KEYS[2], ARGV[1], 'PX', 2000, 'NX')`

const STORE = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return redis.call('DEL', KEYS[2])`

/**
 * What nobody can do without who has one load for the fleet and hears of changes: a script that reads and takes a lease,
 * one that stores where it stands, and a connection that Redis tells of the write. No cache around them: this is the limit.
 */
const byHand: Case = {
  name: BY_HAND,
  awaited: true,
  async prepare(stage) {
    const [redis, channel] = [await stage.redis(), await stage.redis({ protocol: 2 })]
    const id = String(await channel.call('client', 'id'))
    await channel.call('client', 'tracking', 'on', 'redirect', id, 'bcast', 'prefix', 'hand:v:')
    await channel.subscribe('__redis__:invalidate')
    const [claim, store] = [await redis.script('LOAD', CLAIM), await redis.script('LOAD', STORE)] as [string, string]
    let newest = 0
    return async () => {
      const id = newest++
      const [key, lease] = [`hand:v:{${id}}`, `hand:l:{${id}}`]
      await redis.callBuffer('evalsha', claim, 2, key, lease, 'token')
      const value = smallDocument(id)
      await redis.callBuffer('evalsha', store, 2, key, lease, 'token', JSON.stringify(value), TTL)
      return value
    }
  },
}

/** A key that nobody has, with a loader that answers at once. */
export const miss: Group = {
  name: 'miss',
  cases: [
    bare,
    byHand,
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
  figures: [
    { subject: BY_HAND, floor: BARE, kind: 'time' },
    ...timesOf('getOrSet', BARE, { bare: 1.3, metered: 1.3 }),
    ...timesOf('getOrSet', BY_HAND),
  ],
}
