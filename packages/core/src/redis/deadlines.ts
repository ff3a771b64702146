import type { Clock } from '../clock.js'
import type { Milliseconds } from '../types.js'

/** A timer that is later than this tells of a stalled event loop. */
const STALL: Milliseconds = 10

/** A timer that would be there for longer than this is not left behind. */
const LONG: Milliseconds = 1_000

/** A wait with an end, however it ends. */
export interface Deadline {
  due: Milliseconds
  readonly patience: Milliseconds
  readonly expired: () => void
  /** It has got the time once more that a stall took from it. */
  isExtended: boolean
}

/**
 * Calls back when a time is up and what had arrived by then has been handled. By how much the timer itself was late the
 * event loop was stalled, which is no fault of Redis: that much time is given once more. Nearly all waits end long before,
 * so that one timer serves them all, and ending one costs nothing but to forget it.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #waits = new Set<Deadline>()
  #due = Number.POSITIVE_INFINITY
  #cancel = (): void => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  begin(patience: Milliseconds, expired: () => void): Deadline {
    const wait = { due: this.#clock.precise() + patience, patience, expired, isExtended: false }
    this.#waits.add(wait)
    if (wait.due < this.#due) this.#arm(wait.due, patience)
    return wait
  }

  end(wait: Deadline): void {
    this.#waits.delete(wait)
    if (wait.patience > LONG) this.close()
  }

  /** Leaves no timer behind where nothing waits. */
  close(): void {
    if (this.#waits.size > 0) return
    this.#cancel()
    this.#due = Number.POSITIVE_INFINITY
  }

  #arm(due: Milliseconds, delay: Milliseconds): void {
    this.#cancel()
    this.#due = due
    this.#cancel = this.#clock.after(delay, this.#ring)
  }

  readonly #ring = (): void => {
    const now = this.#clock.precise()
    const stall = now - this.#due
    this.#due = Number.POSITIVE_INFINITY
    let next = Number.POSITIVE_INFINITY
    for (const wait of this.#waits) {
      if (wait.due <= now && (wait.isExtended || stall < STALL)) {
        this.#clock.afterArrivals(() => this.#waits.delete(wait) && wait.expired())
        continue
      }
      if (wait.due <= now) {
        wait.due = now + Math.min(stall, wait.patience)
        wait.isExtended = true
      }
      next = Math.min(next, wait.due)
    }
    if (next !== Number.POSITIVE_INFINITY) this.#arm(next, next - now)
  }
}

/**
 * One wait alone.
 *
 * @returns what ends it
 */
export function atDeadline(clock: Clock, patience: Milliseconds, expired: () => void): () => void {
  const deadlines = new Deadlines(clock)
  const deadline = deadlines.begin(patience, expired)
  return () => {
    deadlines.end(deadline)
    deadlines.close()
  }
}
