import { AsyncLocalStorage } from 'node:async_hooks'
import type { Flight } from './flights.js'
import type { LoadQueue, Ticket } from './load-queue.js'

/**
 * One run of a loader, for the flights that took off together. It goes on as long as anybody waits for one of them.
 *
 * A loader may itself read through the cache, and so wait for flights; a circle of runs and flights that wait for each
 * other would wait for ever.
 */
export class Run {
  /** How many of its waits there are for each. */
  #waitsFor: Map<Flight, number> | undefined
  /** The run whose loader this one was called in. */
  #parent: Run | undefined
  #ticket: Ticket | undefined
  #isUrgent = false
  #isCapped = false
  #isUnderWay = false
  #passengers = 0
  #isUnattended = false
  #calledOff: { readonly reason: unknown } | undefined
  readonly #onCalledOff: Array<(reason: unknown) => void> = []

  /** Takes a place under the cap, or in the queue for one. */
  enter(queue: LoadQueue): Ticket {
    this.#isCapped = queue.isCapped
    this.#ticket = queue.enter(this.#isUrgent)
    return this.#ticket
  }

  /** Whether somebody who holds a place waits for it. */
  get isUrgent(): boolean {
    return this.#isUrgent
  }

  /** Whether it, or a run that waits for it, holds a place under a cap, of whichever cache. */
  get holdsPlace(): boolean {
    return this.#isCapped || this.#isUrgent
  }

  /** Somebody who holds a place under a cap waits for it, and so for all that it waits for. */
  hurry(): void {
    // What an urgent one waits for has been told already.
    if (this.#isUrgent) return
    this.#isUrgent = true
    this.#ticket?.admit()
    for (const flight of this.#waitsFor?.keys() ?? []) flight.hurry()
  }

  /** Between its loader's call and its end: what a loader leaves running after that waits for nobody. */
  get isUnderWay(): boolean {
    return this.#isUnderWay
  }

  get parent(): Run | undefined {
    return this.#parent
  }

  /** Calls the loader as this run's. */
  begin<T>(call: () => T): T {
    this.#parent = currentRun()
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

  board(passengers: number): void {
    this.#passengers += passengers
  }

  /** It goes on for its own sake, although nobody may be waiting. */
  leaveUnattended(): void {
    this.#isUnattended = true
  }

  /** Passengers leave, or give up. When the last one has, it is called off. */
  leave(passengers: number, reason: unknown): void {
    this.#passengers -= passengers
    if (this.#passengers > 0 || this.#isUnattended || this.#calledOff !== undefined) return
    this.#calledOff = { reason }
    for (const action of this.#onCalledOff) action(reason)
  }

  get isCalledOff(): boolean {
    return this.#calledOff !== undefined
  }

  /** Why it was called off. */
  get calledOffWith(): unknown {
    return this.#calledOff?.reason
  }

  onCalledOff(action: (reason: unknown) => void): void {
    if (this.#calledOff !== undefined) action(this.#calledOff.reason)
    else this.#onCalledOff.push(action)
  }

  /**
   * Notes that its loader waits for a flight.
   *
   * @returns what ends the wait; undefined, and nothing is noted, where that flight waits for this run already
   */
  waitFor(flight: Flight): (() => void) | undefined {
    if (flight.reaches(this)) return undefined
    this.#waitsFor ??= new Map()
    const waitsFor = this.#waitsFor
    waitsFor.set(flight, (waitsFor.get(flight) ?? 0) + 1)
    let waits = true
    return () => {
      if (!waits) return
      waits = false
      const left = (waitsFor.get(flight) ?? 1) - 1
      if (left === 0) waitsFor.delete(flight)
      else waitsFor.set(flight, left)
    }
  }

  /** @param seen no way is gone twice */
  reaches(target: Run | Flight, seen: Set<Run>): boolean {
    if (target === this) return true
    if (seen.has(this)) return false
    seen.add(this)
    for (const flight of this.#waitsFor?.keys() ?? []) if (flight.reaches(target, seen)) return true
    return false
  }
}

/**
 * Which run a call comes from. While an AsyncLocalStorage is on, Node 20 and 22 make every `await` of the application
 * three times as slow: so it is on only while a loader runs.
 */
const storage = new AsyncLocalStorage<Run>()
let running = 0

/** The innermost run under way whose loader is the caller, if one is. */
export function currentRun(): Run | undefined {
  let run = running === 0 ? undefined : storage.getStore()
  while (run !== undefined && !run.isUnderWay) run = run.parent
  return run
}
