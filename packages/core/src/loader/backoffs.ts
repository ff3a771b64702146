import type { Clock } from '../clock.js'
import type { StaleReason } from '../outcome.js'
import type { Milliseconds } from '../types.js'

/** How long an origin is left in peace after its first failure for a key; each further one doubles it. */
const FIRST: Milliseconds = 1_000
const LONGEST: Milliseconds = 30_000
const MAX_KEYS = 10_000

export interface LoadFailure {
  readonly error: unknown
  readonly reason: StaleReason
}

interface Backoff extends LoadFailure {
  readonly pause: Milliseconds
  readonly until: Milliseconds
}

/** Keys whose load failed a moment ago while something stale could be served: their origin is not asked again yet. */
export class Backoffs {
  readonly #clock: Clock
  readonly #backoffs = new Map<string, Backoff>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The failure to be repeated without asking the origin. */
  get(id: string): LoadFailure | undefined {
    const backoff = this.#backoffs.get(id)
    return backoff !== undefined && this.#clock.now() < backoff.until ? backoff : undefined
  }

  failed(id: string, failure: LoadFailure): void {
    const before = this.#backoffs.get(id)
    const pause = before === undefined ? FIRST : Math.min(before.pause * 2, LONGEST)
    // The one that failed longest ago comes first.
    this.#backoffs.delete(id)
    const [oldest] = this.#backoffs.keys()
    if (oldest !== undefined && this.#backoffs.size === MAX_KEYS) this.#backoffs.delete(oldest)
    this.#backoffs.set(id, { ...failure, pause, until: this.#clock.now() + pause })
  }

  /** Its load succeeded, or its value was changed. */
  forget(id: string): void {
    this.#backoffs.delete(id)
  }
}
