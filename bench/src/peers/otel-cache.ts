import { TTL } from '../documents.js'
import { ioredisClient } from './ioredis-client.js'
import type { Peer, PeerKind, Setting } from './peer.js'

/**
 * With default options, but for the size of memory. Values are frozen and shared. Metered: with `startPrometheusExporter`,
 * one reader and both histograms, which is its default.
 */
export const otelCache: PeerKind = {
  name: 'otel-cache',
  tiers: ['memory', 'redis', 'both'],
  handsOut: 'frozen',
  modules: [['@otel-cache/core'], ['ioredis']],
  open: (setting) => open(setting, false),
}

export const otelCacheMetered: PeerKind = {
  ...otelCache,
  name: 'otel-cache, metered',
  metered: true,
  modules: [['@otel-cache/core', '@otel-cache/exporter'], ['ioredis']],
  open: (setting) => open(setting, true),
}

async function open(setting: Setting, metered: boolean): Promise<Peer> {
  const { createCache } = await import('@otel-cache/core')
  const { tiers, prefix, maxEntries, load } = setting
  const redis = tiers === 'memory' ? undefined : await ioredisClient(setting)
  const exporter = metered
    ? await import('@otel-cache/exporter').then(({ startPrometheusExporter }) => startPrometheusExporter({ port: 0 }))
    : undefined
  const cache = createCache({
    name: prefix,
    ttl: TTL,
    memory: tiers === 'redis' ? false : { maxEntries, maxBytes: 2 ** 32 },
    ...(redis && { redis }),
    ...(exporter && { meterProvider: exporter.meterProvider }),
  })
  return {
    getOrSet: (key) => cache.getOrSet(key, () => load(key)),
    get: (key) => cache.get(key),
    getMany: (keys) => cache.getMany(keys),
    set: (key, value) => cache.set(key, value),
    delete: (key) => cache.delete(key),
    clear: () => cache.clear({ purge: true }),
    async close() {
      await cache.close()
      await exporter?.close()
      redis?.disconnect()
    },
  }
}
