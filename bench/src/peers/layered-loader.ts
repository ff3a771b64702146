import { TTL } from '../documents.js'
import { ioredisClient } from './ioredis-client.js'
import { type Peer, type PeerKind, type Setting, unheard } from './peer.js'

/**
 * Its `Loader` with the memory it calls fastest for an LRU (`lru-map`), Redis with JSON, and between processes its
 * notifications over Redis.
 */
export const layeredLoader: PeerKind = {
  name: 'layered-loader',
  tiers: ['memory', 'redis', 'both'],
  handsOut: 'references',
  modules: [['layered-loader/core'], ['layered-loader/redis', 'ioredis']],
  async open(setting): Promise<Peer> {
    const { Loader, RedisCache } = await import('layered-loader')
    const { tiers, prefix, maxEntries, load } = setting
    const client = tiers === 'memory' ? undefined : await ioredisClient(setting)
    const notifications = tiers === 'both' ? await notificationsOver(setting) : undefined
    const loader = new Loader<unknown>({
      ...(tiers !== 'redis' && { inMemoryCache: { cacheType: 'lru-map', ttlInMsecs: TTL, maxItems: maxEntries } }),
      ...(client && { asyncCache: new RedisCache(client, { json: true, ttlInMsecs: TTL, prefix }) }),
      ...(notifications && {
        notificationConsumer: notifications.consumer,
        notificationPublisher: notifications.publisher,
      }),
      dataSourceGetOneFn: async (key) => load(key),
      dataSourceGetManyFn: async (keys) => Promise.all(keys.map(load)),
      // Wanted for reads of many: where among the loaded values a key's own is. Here only hits are read so.
      cacheKeyFromValueResolver: (value) => String(value),
    })
    await loader.init()
    return {
      getOrSet: (key) => loader.get(key),
      getMany: (keys) => loader.getMany([...keys], undefined),
      set: (key, value) => loader.forceSetValue(key, value as never),
      delete: (key) => loader.invalidateCacheFor(key),
      clear: () => loader.invalidateCache(),
      async close() {
        await loader.close()
        client?.disconnect()
      },
    }
  },
}

async function notificationsOver(setting: Setting) {
  const { createNotificationPair } = await import('layered-loader')
  const [publisherRedis, consumerRedis] = [await ioredisClient(setting), await ioredisClient(setting)]
  return createNotificationPair<unknown>({
    channel: `${setting.prefix}notifications`,
    publisherRedis,
    consumerRedis,
    errorHandler: unheard,
  })
}
