import type { Peer, PeerKind } from './peer.js'

/** The floor of memory hits: `get`, and for what is absent its own `fetch`, which shares a load. Without a lifetime. */
export const lruCache: PeerKind = {
  name: 'lru-cache',
  tiers: ['memory'],
  handsOut: 'references',
  floor: true,
  modules: [['lru-cache'], []],
  async open({ maxEntries, load }): Promise<Peer> {
    const { LRUCache } = await import('lru-cache')
    const lru = new LRUCache<string, object>({
      max: maxEntries,
      fetchMethod: async (key) => (await load(key)) as object,
    })
    return {
      // As the bench's other floors have it, what is at hand is not wrapped in a promise.
      getOrSet: (key) => (lru.get(key) ?? lru.fetch(key)) as Promise<unknown>,
      get: async (key) => lru.get(key),
      getMany: async (keys) => keys.map((key) => lru.get(key)),
      set: async (key, value) => lru.set(key, value as object),
      delete: async (key) => lru.delete(key),
      clear: async () => lru.clear(),
      close: async () => {},
    }
  },
}
