import type { Clock } from '../../src/clock.js'

interface Timer {
  readonly at: number
  readonly action: () => void
}

/** Time that stands still until `advance`. Turns of the event loop are the real ones. */
export class FakeClock implements Clock {
  onTurn: (() => void) | undefined
  #time = 1_000_000
  #inTurn = false
  readonly #timers = new Set<Timer>()

  now(): number {
    if (!this.#inTurn) {
      this.#inTurn = true
      setImmediate(() => {
        this.#inTurn = false
      })
      this.onTurn?.()
    }
    return this.#time
  }

  precise(): number {
    return this.#time
  }

  after(delay: number, action: () => void): () => void {
    const timer = { at: this.#time + delay, action }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  afterArrivals(action: () => void): void {
    setImmediate(action)
  }

  /** Runs what falls due on the way, each in its order and followed by whatever it set off. */
  async advance(ms: number): Promise<void> {
    // What has just been called is to have set its timers first.
    await turn()
    const until = this.#time + ms
    for (let due = this.#next(until); due !== undefined; due = this.#next(until)) {
      this.#timers.delete(due)
      this.#time = Math.max(this.#time, due.at)
      due.action()
      await turn()
    }
    this.#time = until
    await turn()
  }

  /** Timers that have been neither run nor cancelled. */
  get pending(): number {
    return this.#timers.size
  }

  #next(until: number): Timer | undefined {
    const due = [...this.#timers].filter(({ at }) => at <= until)
    return due.reduce<Timer | undefined>((first, timer) => (first && first.at <= timer.at ? first : timer), undefined)
  }
}

/** The end of this turn of the event loop: every promise that could settle by itself has done so. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
