import { TTL } from '../documents.js'
import { ioredisClient } from './ioredis-client.js'
import type { Peer, PeerKind } from './peer.js'

/**
 * One storage, memory or Redis, never both. Keys are strings, so its `serialize` is not needed. Without `invalidation`,
 * whose references cost trips of their own, and without `stale`.
 */
export const asyncCacheDedupe: PeerKind = {
  name: 'async-cache-dedupe',
  tiers: ['memory', 'redis'],
  handsOut: 'references',
  modules: [['async-cache-dedupe'], ['ioredis']],
  async open(setting): Promise<Peer> {
    const { createCache } = await import('async-cache-dedupe')
    const { tiers, prefix, maxEntries, load } = setting
    const seconds = TTL / 1_000
    const client = tiers === 'memory' ? undefined : await ioredisClient(setting)
    const storage = client
      ? ({ type: 'redis', options: { client: client as never } } as const)
      : ({ type: 'memory', options: { size: maxEntries } } as const)
    const cache = createCache({ ttl: seconds, storage }).define(prefix, async (key: string) => load(key))
    const read = cache[prefix] as (key: string) => Promise<unknown>
    return {
      getOrSet: read,
      get: (key) => cache.get(prefix, `${prefix}~${key}`),
      set: (key, value) => cache.set(prefix, `${prefix}~${key}`, value, seconds),
      delete: (key) => cache.clear(prefix, key),
      clear: () => cache.clear(prefix),
      close: async () => client?.disconnect(),
    }
  },
}
