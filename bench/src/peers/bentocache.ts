import { TTL } from '../documents.js'
import { type Peer, type PeerKind, type Setting, unheard } from './peer.js'

/**
 * Memory alone: `serialize: false`, which its documentation names as the faster way, and which hands out references. In
 * front of Redis the default: what comes from Redis cannot be had otherwise. Two tiers have its bus over Redis, as the
 * page on multi-tier caches has it. Metered: its Prometheus plugin, with the keys grouped, for otherwise each one makes
 * series of its own.
 */
export const bentocache: PeerKind = {
  name: 'bentocache',
  tiers: ['memory', 'redis', 'both'],
  handsOut: 'references; copies in front of Redis',
  modules: [['@otel-cache/bench-with-ioredis-5/memory'], ['@otel-cache/bench-with-ioredis-5/redis']],
  open: (setting) => open(setting, false),
}

export const bentocacheMetered: PeerKind = {
  ...bentocache,
  name: 'bentocache, metered',
  metered: true,
  open: (setting) => open(setting, true),
}

async function open(setting: Setting, metered: boolean): Promise<Peer> {
  const { BentoCache, bentostore, memoryDriver } = await import('@otel-cache/bench-with-ioredis-5/memory')
  const { tiers, prefix, maxEntries, load } = setting
  const store = bentostore()
  if (tiers !== 'redis') store.useL1Layer(memoryDriver({ maxItems: maxEntries, serialize: tiers === 'both' }))
  if (tiers !== 'memory') {
    const { redisDriver, redisBusDriver } = await import('@otel-cache/bench-with-ioredis-5/redis')
    store.useL2Layer(redisDriver({ connection: await client(setting) }))
    if (tiers === 'both') store.useBus(redisBusDriver({ connection: await client(setting) }))
  }
  const plugins = metered ? [await prometheus()] : []
  const cache = new BentoCache({ default: 'cache', prefix, ttl: TTL, stores: { cache: store }, plugins })
  return {
    getOrSet: (key) => cache.getOrSet({ key, factory: () => load(key) }),
    get: (key) => cache.get({ key }),
    set: (key, value) => cache.set({ key, value }),
    delete: (key) => cache.delete({ key }),
    clear: () => cache.clear(),
    close: () => cache.disconnectAll(),
  }
}

async function client({ redis, isCluster }: Setting) {
  const { Cluster, Redis } = await import('@otel-cache/bench-with-ioredis-5/redis')
  const made = isCluster ? new Cluster([redis]) : new Redis(redis)
  // What it calls of it, a Cluster has as well.
  return made.on('error', unheard) as InstanceType<typeof Redis>
}

async function prometheus() {
  const { prometheusPlugin, Registry } = await import('@otel-cache/bench-with-ioredis-5/metrics')
  return prometheusPlugin({ registry: new Registry(), keyGroups: [[/./, 'all']] })
}
