import { type Cache, type CacheOptions, createCache } from '@otel-cache/core'

/** What the worker and the service share: the name and the lifetime. */
export function createArticleCache(options: Omit<CacheOptions, 'name'>): Cache {
  return createCache({ name: 'articles', ttl: 3_600_000, ...options })
}
