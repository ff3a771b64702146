import type { Generation } from './generations.js'
import type { Failure } from './outcome.js'

/**
 * The right to load a key for the whole fleet, and the fence around what is loaded: a change of the key ends the lease,
 * and Redis takes the value only while the lease stands. Without Redis there is a process alone, and no token.
 */
export interface Lease {
  /** The name of the lease in Redis. */
  readonly name: string
  /** Tells whose it is. */
  readonly token: string
  /** What the loaded value will belong to, noted before the load. */
  readonly generations: readonly Generation[]
  /** Of its views, ended by every `deleteByTag` there: they fence tags that only the loader knows. */
  readonly anyTag: readonly Generation[]
  /** The question about generations by which it was claimed. */
  readonly asked: number
}

/** What became of asking for a lease. */
export type Claim =
  | { readonly kind: 'held'; readonly lease: Lease }
  /** Another process is loading. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'failed'; readonly error: Failure }

/** Whom a claim gives way to: to what is fresh and to who holds the lease; to the latter only; to nobody. */
export type ClaimMode = '' | 'free' | 'over'
