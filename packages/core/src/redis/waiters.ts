import type { Clock } from '../clock.js'
import type { Milliseconds } from '../types.js'

/** With a channel the write itself wakes; this finds leaders that died. */
const LONG: Milliseconds = 400
/** Without one this is all there is: from the first pause to the longest. */
const FIRST: Milliseconds = 20
const LONGEST: Milliseconds = 200

/** Those of this process who wait for another one's write. */
export class Waiters {
  readonly #clock: Clock
  /** Whether writes of others are heard of. */
  readonly #hears: () => boolean
  readonly #byName = new Map<string, Set<Wait>>()

  constructor(clock: Clock, hears: () => boolean) {
    this.#clock = clock
    this.#hears = hears
  }

  /** Begins to wait for a write under any of these names. */
  wait(names: readonly string[]): Wait {
    const wait: Wait = new Wait(this.#clock, this.#hears, () => {
      for (const name of names) {
        const waiting = this.#byName.get(name)
        waiting?.delete(wait)
        if (waiting?.size === 0) this.#byName.delete(name)
      }
    })
    for (const name of names) {
      const waiting = this.#byName.get(name) ?? new Set()
      this.#byName.set(name, waiting.add(wait))
    }
    return wait
  }

  /**
   * Something was written under the name, or its lease was given back.
   *
   * @param isBarren nothing is going to be written
   */
  wake(name: string, isBarren: boolean = false): void {
    const waiting = this.#byName.get(name)
    if (waiting !== undefined) for (const wait of waiting) wait.wake(isBarren ? name : undefined)
  }

  wakeAll(): void {
    for (const waiting of this.#byName.values()) for (const wait of waiting) wait.wake()
  }

  get size(): number {
    return this.#byName.size
  }
}

export class Wait {
  readonly #clock: Clock
  readonly #hears: () => boolean
  /** There is nothing to wait for any more. */
  readonly leave: () => void
  /** The names under which nothing is going to be written. */
  readonly barren: Set<string> = new Set()
  #isWoken = false
  #pause = FIRST
  #resume: () => void = () => {}

  constructor(clock: Clock, hears: () => boolean, leave: () => void) {
    this.#clock = clock
    this.#hears = hears
    this.leave = leave
  }

  /** Resolves when there is a reason to look again: also one that came before it was called. */
  async next(): Promise<void> {
    if (!this.#isWoken) {
      const pause = this.#hears() ? LONG : this.#pause
      this.#pause = Math.min(this.#pause * 2, LONGEST)
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(pause, resolve)
        this.#resume = () => {
          cancel()
          resolve()
        }
      })
    }
    this.#isWoken = false
  }

  wake(barren?: string): void {
    if (barren !== undefined) this.barren.add(barren)
    this.#isWoken = true
    this.#resume()
  }
}
