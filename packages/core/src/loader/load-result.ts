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

/**
 * Lets a loader decide the lifetime.
 *
 * @example await cache.getOrSet('token', async () => { const token = await fetchToken(); return entry(token, { ttl: token.expiresIn }) })
 */
export function entry<V>(value: V, lifetime: Lifetime): LoadResult<V> {
  return new LifetimeResult(value, lifetime)
}
