export { createCache } from './cache.js'
export {
  CacheClosedError,
  CacheError,
  InvalidKeyError,
  InvalidOptionError,
  InvalidValueError,
  isCacheError,
  LoadTimeoutError,
} from './errors.js'
export { entry } from './loader/load-result.js'
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
