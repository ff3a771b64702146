import { redisCallers } from './callers/callers.js'
import { failuresProgram } from './failures/program.js'
import type { Program } from './program.js'
import { cacheLatencyPercentiles } from './scenario/cache-latency-percentiles.js'
import { cachePerformanceMetrics } from './scenario/cache-performance-metrics.js'
import { postCachingLatencyOptimized } from './scenario/post-caching-latency-optimized.js'
import { preCachingLatencyBaseline } from './scenario/pre-caching-latency-baseline.js'
import { simplifiedCachePerformance } from './scenario/simplified-cache-performance.js'
import { peersDistance } from './side-by-side/peers-distance.js'
import { peersImport } from './side-by-side/peers-import.js'
import { peersMemoryHit } from './side-by-side/peers-memory-hit.js'
import { peersMemoryUse } from './side-by-side/peers-memory-use.js'
import { peersBulk, peersMiss, peersRedisHit } from './side-by-side/peers-over-redis.js'
import { peersStampede } from './side-by-side/peers-stampede.js'
import { tracesProgram } from './traces/program.js'

/** All that is measured in a way of its own, in the order in which it is. */
export const programs: readonly Program[] = [
  preCachingLatencyBaseline,
  postCachingLatencyOptimized,
  cachePerformanceMetrics,
  cacheLatencyPercentiles,
  simplifiedCachePerformance,
  redisCallers,
  peersMemoryHit,
  peersRedisHit,
  peersMiss,
  peersBulk,
  peersStampede,
  peersDistance,
  peersMemoryUse,
  peersImport,
  failuresProgram,
  tracesProgram,
]
