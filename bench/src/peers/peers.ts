import { asyncCacheDedupe } from './async-cache-dedupe.js'
import { bentocache, bentocacheMetered } from './bentocache.js'
import { cacheManager } from './cache-manager.js'
import { cacheable } from './cacheable.js'
import { ioredis, ioredisPipelining } from './ioredis.js'
import { layeredLoader } from './layered-loader.js'
import { lruCache } from './lru-cache.js'
import { nodeRedis } from './node-redis.js'
import { otelCache, otelCacheMetered } from './otel-cache.js'
import type { PeerKind } from './peer.js'

/** All that stand side by side: the floors first, then this cache, then the others. */
export const peers: readonly PeerKind[] = [
  lruCache,
  ioredis,
  ioredisPipelining,
  otelCache,
  otelCacheMetered,
  bentocache,
  bentocacheMetered,
  cacheManager,
  cacheable,
  asyncCacheDedupe,
  layeredLoader,
  nodeRedis,
]

/** Those of this cache, which the others are compared with. */
export const OURS: string = otelCache.name
export const OURS_METERED: string = otelCacheMetered.name

/** Whether it has Redis; of the others' metrics, hits tell enough. */
export function isOverRedis({ name, tiers, metered }: PeerKind): boolean {
  return tiers.includes('redis') && (!metered || name === OURS_METERED)
}

export function peerNamed(name: string): PeerKind {
  const found = peers.find((kind) => kind.name === name)
  if (found === undefined) throw new Error(`no peer is called '${name}'`)
  return found
}
