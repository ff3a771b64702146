import { TTL } from '../documents.js'
import { type Peer, type PeerKind, type Setting, unheard } from './peer.js'

/**
 * A client, no cache: reading through is written by hand. Memory is its client-side cache, which keeps replies as Redis
 * sent them, tracked by the server, so that each hit is parsed; without its statistics. Its commands are pipelined.
 */
export const nodeRedis: PeerKind = {
  name: 'node-redis',
  tiers: ['redis', 'both'],
  handsOut: 'copies',
  modules: [[], ['@redis/client']],
  async open(setting): Promise<Peer> {
    const { prefix, load } = setting
    const client = await connected(setting)
    const set = (key: string, value: unknown): Promise<unknown> =>
      client.set(prefix + key, JSON.stringify(value), { expiration: { type: 'PX', value: TTL } })
    const parsed = (stored: string | null): unknown => (stored === null ? undefined : JSON.parse(stored))
    const get = async (key: string): Promise<unknown> => parsed(await client.get(prefix + key))
    return {
      async getOrSet(key) {
        const cached = await get(key)
        if (cached !== undefined) return cached
        const value = await load(key)
        await set(key, value)
        return value
      },
      get,
      getMany: async (keys) => (await client.mGet(keys.map((key) => prefix + key))).map(parsed),
      set,
      delete: (key) => client.del(prefix + key),
      close: async () => client.destroy(),
    }
  },
}

async function connected({ tiers, redis, maxEntries }: Setting) {
  const { createClient } = await import('@redis/client')
  const clientSideCache = { ttl: 0, maxEntries, evictPolicy: 'LRU', recordStats: false } as const
  const client = createClient({
    RESP: 3,
    socket: { host: redis.host, port: redis.port },
    ...(tiers === 'both' && { clientSideCache }),
  })
  client.on('error', unheard)
  await new Promise<void>((resolve) => {
    client.once('error', () => resolve())
    client.connect().then(
      () => resolve(),
      () => resolve(),
    )
  })
  return client
}
