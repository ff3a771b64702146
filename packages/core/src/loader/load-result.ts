import type { Lifetime, LoadResult } from '../types.js'

/** What `entry` and `notModified` make, told from a user's object of the same shape by its class. */
export class LifetimeResult<V> implements LoadResult<V> {
  readonly value: V
  readonly lifetime: Lifetime

  constructor(value: V, lifetime: Lifetime) {
    this.value = value
    this.lifetime = lifetime
  }
}

/** The value of a result that has none of its own. */
export const NOT_MODIFIED: unique symbol = Symbol('not modified')

/**
 * Lets a loader decide the lifetime.
 *
 * @param lifetime what it leaves out is as in the call
 * @example
 * await cache.getOrSet('token', async () => {
 *   const token = await db.newToken()
 *   return entry(token, { ttl: token.expiresIn * 1_000 })
 * })
 */
export function entry<V>(value: V, lifetime: Lifetime): LoadResult<V> {
  return new LifetimeResult(value, lifetime)
}

/**
 * What a loader returns when its source says "not modified": the stale value is kept, fresh again. Without a stale value
 * in the load's context it is an error.
 *
 * @param lifetime what it leaves out is as in the call
 * @example
 * await cache.getOrSet('feed', async ({ stale, signal }) => {
 *   const response = await fetch('https://example.com/feed', { headers: { 'if-none-match': stale?.etag ?? '' }, signal })
 *   if (response.status === 304) return notModified()
 *   return { etag: response.headers.get('etag'), text: await response.text() }
 * })
 */
export function notModified(lifetime: Lifetime = {}): LoadResult<never> {
  return new LifetimeResult(NOT_MODIFIED as never, lifetime)
}
