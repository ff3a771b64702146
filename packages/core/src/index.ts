/**
 * The cache: memory and Redis behind one interface, reporting through OpenTelemetry. Begin with `createCache`; what it
 * makes is a `Cache`, what it takes are `CacheOptions`.
 *
 * @module @otel-cache/core
 */
export { createCache } from './create-cache.js'
export {
  CacheClosedError,
  CacheError,
  InvalidKeyError,
  InvalidOptionError,
  InvalidValueError,
  isCacheError,
  LoadTimeoutError,
  NotReadyError,
  OverloadedError,
  RecursiveLoadError,
} from './errors.js'
export { entry, notModified } from './loader/load-result.js'
export type { LoadEvent, LookupEvent, OperationEvent } from './telemetry/events.js'
export type {
  BatchLoader,
  Cache,
  CacheOptions,
  CacheStats,
  CacheView,
  Codec,
  Entry,
  Lifetime,
  LoadContext,
  Loader,
  LoadResult,
  Milliseconds,
  ReadOptions,
  RedisLike,
  StandardSchema,
} from './types.js'
