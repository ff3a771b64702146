import { TTL } from '../documents.js'
import { keyvOverRedis } from './keyv-redis.js'
import { type Peer, type PeerKind, unheard } from './peer.js'

/**
 * Its own memory with an LRU bound and without clones, which halves a hit and hands out references. Two tiers are kept in
 * step by its `sync` over Redis. Blocking, as by default: its non-blocking reads miss what only Redis has.
 */
export const cacheable: PeerKind = {
  name: 'cacheable',
  tiers: ['memory', 'redis', 'both'],
  handsOut: 'references',
  modules: [['cacheable'], ['@keyv/redis', 'keyv']],
  async open(setting): Promise<Peer> {
    const { Cacheable, createKeyv } = await import('cacheable')
    const { tiers, redis, maxEntries, prefix, load } = setting
    const inMemory = (): ReturnType<typeof createKeyv> => createKeyv({ ttl: TTL, lruSize: maxEntries, useClone: false })
    const options = { ttl: TTL, primary: tiers === 'redis' ? await keyvOverRedis(setting) : inMemory() }
    const cache = new Cacheable(
      tiers === 'both'
        ? { ...options, secondary: await keyvOverRedis(setting), namespace: prefix, sync: { qified: await bus(redis) } }
        : options,
    )
    cache.on('error', unheard)
    return {
      getOrSet: (key) => cache.getOrSet(key, async () => load(key), { ttl: TTL }),
      get: (key) => cache.get(key),
      getMany: (keys) => cache.getMany([...keys]),
      set: (key, value) => cache.set(key, value, TTL),
      delete: (key) => cache.delete(key),
      clear: () => cache.clear(),
      close: () => cache.disconnect(),
    }
  },
}

async function bus({ host, port }: { readonly host: string; readonly port: number }) {
  const { Qified } = await import('qified')
  const { RedisMessageProvider } = await import('@qified/redis')
  const qified = new Qified({ messageProviders: [new RedisMessageProvider({ uri: `redis://${host}:${port}` })] })
  qified.on('error', unheard)
  return qified
}
