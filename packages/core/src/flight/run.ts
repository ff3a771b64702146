import { AsyncLocalStorage } from 'node:async_hooks'
import type { LoadQueue, Ticket } from './load-queue.js'

/**
 * One run of a loader. A loader may itself read through the cache, and so wait for other runs; a circle of runs that wait
 * for each other would wait for ever.
 */
export class Run {
  /** How many of its waits there are for each. */
  readonly #waitsFor = new Map<Run, number>()
  #ticket: Ticket | undefined
  #urgent: boolean
  #isCapped = false
  #isUnderWay = false

  /** @param urgent asked for by a run that holds a place under a cap while it waits */
  constructor(urgent: boolean) {
    this.#urgent = urgent
  }

  /** Takes a place under the cap, or in the queue for one. */
  enter(queue: LoadQueue): Ticket {
    this.#isCapped = queue.isCapped
    this.#ticket = queue.enter(this.#urgent)
    return this.#ticket
  }

  /** Whether it, or a run that waits for it, holds a place under a cap, of whichever cache. */
  get holdsPlace(): boolean {
    return this.#isCapped || this.#urgent
  }

  /** Between its loader's call and its end: what a loader leaves running after that waits for nobody. */
  get isUnderWay(): boolean {
    return this.#isUnderWay
  }

  /** Calls the loader as this run's. */
  begin<T>(call: () => T): T {
    this.#isUnderWay = true
    running += 1
    return storage.run(this, call)
  }

  end(): void {
    if (!this.#isUnderWay) return
    this.#isUnderWay = false
    running -= 1
    if (running === 0) storage.disable()
  }

  /** Somebody who holds a place under the cap waits for it, and so for all that it waits for. */
  hurry(): void {
    this.#urgent = true
    this.#ticket?.admit()
    for (const next of this.#waitsFor.keys()) next.hurry()
  }

  /**
   * Notes that this one waits for another run.
   *
   * @returns what ends the wait; undefined, and nothing is noted, where that one waits for this already
   */
  waitFor(other: Run): (() => void) | undefined {
    if (other === this || other.#reaches(this)) return undefined
    this.#waitsFor.set(other, (this.#waitsFor.get(other) ?? 0) + 1)
    let waits = true
    return () => {
      if (!waits) return
      waits = false
      const left = (this.#waitsFor.get(other) ?? 1) - 1
      if (left === 0) this.#waitsFor.delete(other)
      else this.#waitsFor.set(other, left)
    }
  }

  #reaches(target: Run): boolean {
    for (const next of this.#waitsFor.keys()) if (next === target || next.#reaches(target)) return true
    return false
  }
}

/**
 * Which run a call comes from. While an AsyncLocalStorage is on, Node 20 and 22 make every `await` of the application
 * three times as slow: so it is on only while a loader runs.
 */
const storage = new AsyncLocalStorage<Run>()
let running = 0

/** The run whose loader is the caller, if one is. */
export function currentRun(): Run | undefined {
  const run = running === 0 ? undefined : storage.getStore()
  return run?.isUnderWay ? run : undefined
}
