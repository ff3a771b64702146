import { TTL } from '../documents.js'
import { ioredisClient } from './ioredis-client.js'
import type { Peer, PeerKind, Setting } from './peer.js'

/** The floor of all that goes to Redis: what one would write by hand. */
export const ioredis: PeerKind = {
  name: 'ioredis',
  tiers: ['redis'],
  handsOut: 'copies',
  floor: true,
  modules: [[], ['ioredis']],
  open: (setting) => open(setting, false),
}

/** What is asked for in one turn of the event loop travels together: slower alone, faster with many callers. */
export const ioredisPipelining: PeerKind = {
  ...ioredis,
  name: 'ioredis, auto-pipelining',
  open: (setting) => open(setting, true),
}

async function open(setting: Setting, enableAutoPipelining: boolean): Promise<Peer> {
  const redis = await ioredisClient(setting, { enableAutoPipelining })
  const { prefix, load } = setting
  const set = (key: string, value: unknown): Promise<unknown> =>
    redis.set(prefix + key, JSON.stringify(value), 'PX', TTL)
  const get = async (key: string): Promise<unknown> => {
    const stored = await redis.get(prefix + key)
    return stored === null ? undefined : JSON.parse(stored)
  }
  return {
    async getOrSet(key) {
      const cached = await get(key)
      if (cached !== undefined) return cached
      const value = await load(key)
      await set(key, value)
      return value
    },
    get,
    async getMany(keys) {
      const stored = await redis.mget(keys.map((key) => prefix + key))
      return stored.map((one) => (one === null ? undefined : JSON.parse(one)))
    },
    set,
    delete: (key) => redis.del(prefix + key),
    close: async () => redis.disconnect(),
  }
}
