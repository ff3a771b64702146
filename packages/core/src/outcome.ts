import type { HeldValue } from './values.js'

/**
 * What became of one key of one lookup: the one closed union from which counters, spans, events and `stats()` derive.
 * Every case is one shared constant, so that telling it costs a hit nothing.
 */
export type Outcome = Hit | Miss

export type Tier = 'memory' | 'redis'
export type StaleReason = 'revalidating' | 'error' | 'timeout' | 'unavailable'
export type MissReason = 'absent' | 'expired' | 'unavailable' | 'undecodable'

export interface Hit {
  readonly result: 'hit'
  readonly tier: Tier
  /** Why a stale value was served; undefined for a fresh one. */
  readonly stale: StaleReason | undefined
}

export interface Miss {
  readonly result: 'miss'
  readonly reason: MissReason
}

/** What a lookup found, before anything was loaded: the outcome with its value, or with how Redis failed. */
export type LookedUp = Found | NotFound

export interface Found {
  readonly outcome: Hit
  readonly held: HeldValue
  /** The value of the caller who looked it up; others take theirs from `held`. */
  readonly value: unknown
  readonly error: undefined
}

export interface NotFound {
  readonly outcome: Miss
  readonly held: undefined
  readonly value: undefined
  readonly error: ErrorType | undefined
}

export function notFound(reason: MissReason, error?: ErrorType): NotFound {
  return { outcome: MISS[reason], held: undefined, value: undefined, error }
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

export const STALE_REASONS: readonly StaleReason[] = ['revalidating', 'error', 'timeout', 'unavailable']
export const MISS_REASONS: readonly MissReason[] = ['absent', 'expired', 'unavailable', 'undecodable']

export const HIT: Readonly<Record<Tier, Hit>> = { memory: hit('memory'), redis: hit('redis') }

export const MISS: Readonly<Record<MissReason, Miss>> = {
  absent: miss('absent'),
  expired: miss('expired'),
  unavailable: miss('unavailable'),
  undecodable: miss('undecodable'),
}

function hit(tier: Tier): Hit {
  return Object.freeze({ result: 'hit', tier, stale: undefined })
}

function miss(reason: MissReason): Miss {
  return Object.freeze({ result: 'miss', reason })
}
