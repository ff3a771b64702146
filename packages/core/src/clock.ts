import { performance } from 'node:perf_hooks'

/**
 * The one source of time, in milliseconds of an arbitrary origin. Injected, so that tests never sleep.
 *
 * `now` is read once per turn of the event loop: a memory hit cannot afford more. `precise` measures durations.
 */
export interface Clock {
  /** The time at this turn of the event loop. */
  now(): number
  /** The time at this moment. */
  precise(): number
  /** Runs `action` after a delay; the timer never keeps the process alive. Returns what cancels it. */
  after(delay: number, action: () => void): () => void
  /** Runs `action` once what has already arrived on sockets has been handled. */
  afterArrivals(action: () => void): void
  /** Called at the first `now` of each turn. */
  onTurn: (() => void) | undefined
}

/** Longer delays overflow in Node and fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1

/** A wall clock that gains this much on the monotonic one between two turns tells of a suspended machine. */
const SUSPENDED = 20

/**
 * The process's own clock. Monotonic clocks stop while a machine is suspended, and wall clocks are set back: so time
 * follows the monotonic one, and jumps with the wall clock only forward. It may err towards too late, where an entry
 * expires early, and never back.
 */
export class TurnClock implements Clock {
  onTurn: (() => void) | undefined
  #now = 0
  #jumped = 0
  #skew = Date.now() - performance.now()
  #read = false
  readonly #endTurn = (): void => {
    this.#read = false
  }

  now(): number {
    return this.#read ? this.#now : this.#startTurn()
  }

  precise(): number {
    return performance.now()
  }

  after(delay: number, action: () => void): () => void {
    const timer = setTimeout(action, Math.min(delay, LONGEST_DELAY))
    timer.unref()
    return () => clearTimeout(timer)
  }

  afterArrivals(action: () => void): void {
    setImmediate(action)
  }

  #startTurn(): number {
    const monotonic = performance.now()
    const skew = Date.now() - monotonic
    if (skew - this.#skew > SUSPENDED) this.#jumped += skew - this.#skew
    this.#skew = skew
    this.#now = monotonic + this.#jumped
    this.#read = true
    // Not unref'ed: an idle loop would sleep past it and wake with an old time. It delays an exit by one turn at most.
    setImmediate(this.#endTurn)
    this.onTurn?.()
    return this.#now
  }
}
