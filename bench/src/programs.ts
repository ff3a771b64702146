import type { Program } from './program.js'
import { cacheLatencyPercentiles } from './scenario/cache-latency-percentiles.js'
import { cachePerformanceMetrics } from './scenario/cache-performance-metrics.js'
import { postCachingLatencyOptimized } from './scenario/post-caching-latency-optimized.js'
import { preCachingLatencyBaseline } from './scenario/pre-caching-latency-baseline.js'
import { simplifiedCachePerformance } from './scenario/simplified-cache-performance.js'

/** All that is measured in a way of its own, in the order in which it is. */
export const programs: readonly Program[] = [
  preCachingLatencyBaseline,
  postCachingLatencyOptimized,
  cachePerformanceMetrics,
  cacheLatencyPercentiles,
  simplifiedCachePerformance,
]
