import { TTL } from '../documents.js'
import { keyvOverRedis } from './keyv-redis.js'
import { type Peer, type PeerKind, unheard } from './peer.js'

/**
 * Memory is Keyv's own, a Map, without the JSON of each hit, as its page shows: five times faster than the bounded memory
 * it recommends elsewhere, and without a bound. It has nothing that keeps the memories of two processes in step.
 */
export const cacheManager: PeerKind = {
  name: 'cache-manager',
  tiers: ['memory', 'redis', 'both'],
  handsOut: 'references, unbounded',
  modules: [['cache-manager', 'keyv'], ['@keyv/redis']],
  async open(setting): Promise<Peer> {
    const { createCache } = await import('cache-manager')
    const { Keyv } = await import('keyv')
    const { tiers, load } = setting
    const memory = new Keyv({ serialize: undefined as never, deserialize: undefined as never })
    memory.serialize = undefined as never
    memory.deserialize = undefined as never
    const stores = [
      ...(tiers === 'redis' ? [] : [memory]),
      ...(tiers === 'memory' ? [] : [await keyvOverRedis(setting)]),
    ]
    for (const store of stores) store.on('error', unheard)
    const cache = createCache({ ttl: TTL, stores })
    return {
      getOrSet: (key) => cache.wrap(key, async () => load(key)),
      get: (key) => cache.get(key),
      getMany: (keys) => cache.mget([...keys]),
      set: (key, value) => cache.set(key, value, TTL),
      delete: (key) => cache.del(key),
      clear: () => cache.clear(),
      close: () => cache.disconnect(),
    }
  },
}
