import type { Clock } from '../clock.js'
import type { ErrorType } from '../outcome.js'
import type { Milliseconds } from '../types.js'

/** What a cache hears on the invalidation channel. */
export interface CoherenceListener {
  changed(name: string): void
  flushed(): void
  /** A lease was given back. */
  released(name: string, isBarren: boolean): void
}

/** What one cache knows of the channel: the trust rule, in its own time. Its epochs count how often the channel stood. */
export class Coherence {
  /** What its keys in Redis begin with. */
  readonly prefixes: readonly string[]
  /** On which leases are told that were given back. */
  readonly leases: string
  readonly maxStaleness: Milliseconds
  readonly listener: CoherenceListener
  readonly #clock: Clock
  /** Of the last time it stood; 0 before the first. */
  epoch = 0
  isStanding = false
  /** How often the channel was lost, or could not be had, by why. */
  readonly failures: Partial<Record<ErrorType, number>> = {}
  #pingedAt: Milliseconds = 0
  #provenAt: Milliseconds

  constructor(
    prefixes: readonly string[],
    leases: string,
    maxStaleness: Milliseconds,
    clock: Clock,
    listener: CoherenceListener,
  ) {
    this.prefixes = prefixes
    this.leases = leases
    this.maxStaleness = maxStaleness
    this.listener = listener
    this.#clock = clock
    this.#provenAt = clock.now()
  }

  /** That under which what is asked for now will be kept right; 0 while there is no channel. */
  get now(): number {
    return this.isStanding ? this.epoch : 0
  }

  /** Until when what was asked for in an epoch may be believed. */
  believedUntil(epoch: number): Milliseconds {
    return epoch !== 0 && epoch === this.epoch ? this.#provenAt + this.maxStaleness : Number.NEGATIVE_INFINITY
  }

  /** Since the last proof; since its beginning where there was none. */
  get age(): Milliseconds {
    return Math.max(0, this.#clock.now() - this.#provenAt)
  }

  stands(): void {
    this.epoch += 1
    this.isStanding = true
  }

  /** What is known stays believed as long as its last proof allows. */
  broke(): void {
    this.isStanding = false
  }

  failed(failure: ErrorType): void {
    this.failures[failure] = (this.failures[failure] ?? 0) + 1
  }

  pinged(): void {
    this.#pingedAt = this.#clock.now()
  }

  /** The PING that was sent last has been answered: all that had changed by then has been heard. */
  proven(): void {
    this.#provenAt = this.#pingedAt
  }
}
