import { type Channel, channel } from 'node:diagnostics_channel'
import type { ErrorType, MissReason, Operation, StaleReason, Tier } from '../outcome.js'
import type { Milliseconds } from '../types.js'
import { CHANNEL } from './names.js'

/** Published on `otel-cache:lookup` for each key that is counted as a hit or a miss. */
export interface LookupEvent {
  /** The cache's name. */
  readonly cache: string
  /** The key as the caller gave it. */
  readonly key: string
  /** The path of the view it was asked through: empty, or escaped names with a colon behind each, as in Redis. */
  readonly namespace: string
  /** A stale value that was served is a hit. */
  readonly result: 'hit' | 'miss'
  /** `memory` or `redis`; undefined for a miss. */
  readonly tier: Tier | undefined
  /**
   * Why a stale value was served: `revalidating`, `error`, `timeout` or `unavailable`; undefined for a fresh hit and for a
   * miss.
   */
  readonly stale: StaleReason | undefined
  /** `absent`, `expired`, `unavailable` or `undecodable`; undefined for a hit. */
  readonly reason: MissReason | undefined
  /** How many callers it stands for: those of one stampede are told together. */
  readonly callers: number
}

/** Published on `otel-cache:operation` for each operation that is timed, when it has ended. */
export interface OperationEvent {
  /** The cache's name. */
  readonly cache: string
  /** `get`, `set`, `delete` or `clear`. */
  readonly operation: Operation
  /** Without the loader. */
  readonly duration: Milliseconds
  /** How Redis failed, as `error_type` of `redis_cache_errors_total` has it; empty where it did not. */
  readonly errors: readonly ErrorType[]
  /** The circuit breaker was open: Redis was not asked. */
  readonly skipped: boolean
}

/** Published on `otel-cache:load` for each run of a loader, when it has ended. */
export interface LoadEvent {
  /** The cache's name. */
  readonly cache: string
  /** As the loader was told them. */
  readonly keys: readonly string[]
  /** `timeout` is the end at `loadTimeout`, also where the loader goes on. */
  readonly result: 'success' | 'error' | 'timeout'
  /** Of the loader alone. */
  readonly duration: Milliseconds
}

/** Build a payload only where `hasSubscribers`. */
export const lookups: Channel = channel(CHANNEL.lookup)
export const operations: Channel = channel(CHANNEL.operation)
export const loads: Channel = channel(CHANNEL.load)
