import { LRUCache } from 'lru-cache'
import { readByHand, storeByHand } from '../by-hand.js'
import { type Document, inTurn, manyKeys, smallDocument, TTL } from '../documents.js'
import { type Case, type Group, timesOf, unmeteredAndMetered } from '../group.js'

const LOOP = 'loop over lru-cache get'
const MGET = 'ioredis mget + JSON.parse'
const BY_HAND = 'the same by hand'

/** Sixteen batches of 100 keys each. */
function batches(prefix: string): ReadonlyArray<readonly string[]> {
  return Array.from({ length: 16 }, (_, batch) => manyKeys(`${prefix}batch:${batch}:`, 100))
}

const loop: Case = {
  name: LOOP,
  awaited: false,
  prepare() {
    const lru = new LRUCache<string, Document>({ max: 10_000 })
    for (const [id, key] of batches('').flat().entries()) lru.set(key, smallDocument(id))
    const batch = inTurn(batches(''))
    return () => batch().map((key) => lru.get(key))
  },
}

const mget: Case = {
  name: MGET,
  awaited: true,
  async prepare(stage) {
    const redis = await stage.redis()
    const keys = batches('bare:')
    for (const [id, key] of keys.flat().entries()) await redis.set(key, JSON.stringify(smallDocument(id)), 'PX', TTL)
    const batch = inTurn(keys)
    return async () => {
      const stored = await redis.mget(...batch())
      return stored.map((one) => (one === null ? undefined : JSON.parse(one)))
    }
  },
}

const byHand: Case = {
  name: BY_HAND,
  awaited: true,
  async prepare(stage) {
    const redis = await stage.redis()
    const keys = batches('hand:')
    await storeByHand(redis, keys.flat(), smallDocument)
    const batch = inTurn(keys)
    return async () => {
      const replies = (await redis.callBuffer('mget', ...batch())) as Array<Buffer | null>
      return replies.map(readByHand)
    }
  },
}

function getMany(overRedis: boolean): Case[] {
  return unmeteredAndMetered(({ metered, suffix }) => ({
    name: `getMany${suffix}`,
    awaited: true,
    async prepare(stage) {
      const keys = batches('')
      const options = overRedis ? ({ redis: await stage.redis(), memory: false } as const) : {}
      const cache = await stage.filledCache(keys.flat(), smallDocument, options, metered)
      const batch = inTurn(keys)
      return () => cache.getMany(batch())
    },
  }))
}

/** A hundred hits in memory. */
export const getManyMemory: Group = {
  name: 'get-many-memory',
  cases: [loop, ...getMany(false)],
  figures: timesOf('getMany', LOOP, { bare: 2, metered: 2 }),
}

/** A hundred hits in Redis, with the memory tier off. */
export const getManyRedis: Group = {
  name: 'get-many-redis',
  cases: [mget, byHand, ...getMany(true)],
  figures: [
    { subject: BY_HAND, floor: MGET, kind: 'time' },
    ...timesOf('getMany', MGET, { bare: 1.2, metered: 1.2 }),
    ...timesOf('getMany', BY_HAND),
  ],
}
