import type { HeldEntry, MemoryEntry } from './entry.js'
import type { Generation } from './generations.js'
import type { Claim } from './lease.js'

/**
 * What became of one key of one lookup: the one closed union from which counters, spans, events and `stats()` derive.
 * Every case is one shared constant, so that telling it costs a hit nothing.
 */
export type Outcome = Hit | Miss

export type Tier = 'memory' | 'redis'
/**
 * Why a stale value was served: while a load runs behind; because the load failed; because it took too long; because
 * Redis could not tell whether it is still right.
 */
export type StaleReason = 'revalidating' | 'error' | 'timeout' | 'unavailable'
export type MissReason = 'absent' | 'expired' | 'unavailable' | 'undecodable'

export interface Hit {
  readonly result: 'hit'
  readonly tier: Tier
  /** Undefined for a fresh value. */
  readonly stale: StaleReason | undefined
}

export interface Miss {
  readonly result: 'miss'
  readonly reason: MissReason
}

/** What a lookup found, before anything was loaded: a fresh entry, or why there is none. */
export type LookedUp = Found | NotFound

export interface Found {
  readonly outcome: Hit
  readonly entry: MemoryEntry
  /** The value of the caller who looked it up; others take theirs from the entry. */
  readonly value: unknown
  /** What it belongs to. */
  readonly generations: readonly Generation[]
  readonly error: undefined
}

export interface NotFound {
  readonly outcome: Miss
  /** What is there, and past its lifetime or its proof. The stale rules say whether it may be served. */
  readonly stale: Candidate | undefined
  /** How Redis failed. */
  readonly error: Failure | undefined
  /** What became of asking for the lease along with the lookup; undefined where nobody did. */
  readonly claim?: Claim | undefined
}

/** An entry that may be served only under the stale rules. */
export interface Candidate {
  readonly tier: Tier
  readonly entry: HeldEntry
}

/** The operations that are timed and that can fail. */
export type Operation = 'get' | 'set' | 'delete' | 'clear' | 'lease' | 'channel'

/** How an operation failed. */
export type ErrorType =
  | 'timeout'
  | 'connection'
  | 'auth'
  | 'readonly'
  | 'oom'
  | 'loading'
  | 'cluster'
  | 'undecodable'
  | 'other'

/** Why an operation is not confirmed: it failed, or was not tried, because the circuit breaker is open. */
export type Failure = ErrorType | 'skipped'

/**
 * What became of one change: undefined once Redis has confirmed it (or there is no Redis); `gave way` where something
 * newer came for the key before it was sent, and was not confirmed either.
 */
export type Unconfirmed = Failure | 'gave way' | undefined

/** Of the circuit breaker before Redis. `half-open`: Redis was asked whether it is back, and has time to answer. */
export type CircuitState = 'closed' | 'half-open' | 'open'

export const STALE_REASONS: readonly StaleReason[] = ['revalidating', 'error', 'timeout', 'unavailable']

export const MISS_REASONS: readonly MissReason[] = ['absent', 'expired', 'unavailable', 'undecodable']

export const HIT: Readonly<Record<Tier, Hit>> = { memory: hit('memory'), redis: hit('redis') }

export const STALE_HIT: Readonly<Record<Tier, Readonly<Record<StaleReason, Hit>>>> = {
  memory: staleHits('memory'),
  redis: staleHits('redis'),
}

export const MISS: Readonly<Record<MissReason, Miss>> = {
  absent: miss('absent'),
  expired: miss('expired'),
  unavailable: miss('unavailable'),
  undecodable: miss('undecodable'),
}

export function isHit(found: LookedUp): found is Found {
  return found.outcome.result === 'hit'
}

function hit(tier: Tier, stale?: StaleReason): Hit {
  return Object.freeze({ result: 'hit', tier, stale })
}

function staleHits(tier: Tier): Record<StaleReason, Hit> {
  return {
    revalidating: hit(tier, 'revalidating'),
    error: hit(tier, 'error'),
    timeout: hit(tier, 'timeout'),
    unavailable: hit(tier, 'unavailable'),
  }
}

function miss(reason: MissReason): Miss {
  return Object.freeze({ result: 'miss', reason })
}
