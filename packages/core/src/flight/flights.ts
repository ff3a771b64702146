import { isUnder } from '../keys.js'
import type { Mark } from '../mark.js'
import type { LookedUp, NotFound, StaleReason } from '../outcome.js'
import type { Place } from '../place.js'
import type { Milliseconds } from '../types.js'
import type { HeldValue } from '../values.js'
import type { Run } from './run.js'

/** How a load ended for those who waited for it. */
export type Landing =
  | { readonly kind: 'loaded'; readonly held: HeldValue | undefined; readonly tags: readonly string[] }
  | { readonly kind: 'failed'; readonly error: unknown; readonly reason: StaleReason }

/** Callers who came to a flight with nothing of their own, and share one promise. */
export interface Crowd {
  readonly arrival: Promise<unknown>
  add(started: Milliseconds): void
}

/** One read-through of one key: a lookup, then a load where it is needed. Its promises never reject. */
export class Flight {
  readonly place: Place
  readonly mark: Mark
  /** Whether what is cached is skipped. */
  readonly refreshing: boolean
  lookup!: Promise<LookedUp>
  /** Undefined where the lookup found what was wanted. */
  landing!: Promise<Landing | undefined>
  /** The callers who see one end. */
  crowd: Crowd | undefined
  /** The run of the loader, should one be needed. */
  readonly run: Run
  /** What its lookup found, once that was nothing fresh: it is loading. */
  missed: NotFound | undefined
  #waiting = 0
  /** It goes on for its own sake: a stale value was served in its place. */
  #unattended = false
  #onGivenUp: ((reason: unknown) => void) | undefined
  #givenUp: { readonly reason: unknown } | undefined

  constructor(place: Place, mark: Mark, run: Run, refreshing: boolean) {
    this.place = place
    this.mark = mark
    this.run = run
    this.refreshing = refreshing
  }

  board(): void {
    this.#waiting += 1
  }

  /** The flight goes on although nobody may be waiting. */
  leaveUnattended(): void {
    this.#unattended = true
  }

  /** A waiter gives up. When all have, the flight is called off. */
  giveUp(reason: unknown): void {
    this.#waiting -= 1
    if (this.#waiting > 0 || this.#unattended || this.#givenUp !== undefined) return
    this.#givenUp = { reason }
    this.#onGivenUp?.(reason)
  }

  get isCalledOff(): boolean {
    return this.#givenUp !== undefined
  }

  onGivenUp(action: (reason: unknown) => void): void {
    if (this.#givenUp !== undefined) action(this.#givenUp.reason)
    else this.#onGivenUp = action
  }
}

/** The flights under way, one a key. */
export class Flights {
  readonly #flights = new Map<string, Flight>()

  /** The flight that a newcomer joins. One that was called off takes nobody aboard. */
  get(id: string): Flight | undefined {
    const flight = this.#flights.get(id)
    return flight?.isCalledOff ? undefined : flight
  }

  add(flight: Flight): void {
    this.#flights.set(flight.place.id, flight)
  }

  /** It has landed: who comes now starts another. */
  land(flight: Flight): void {
    const { id } = flight.place
    if (this.#flights.get(id) === flight) this.#flights.delete(id)
  }

  /** The key has changed: its flight goes on for those aboard, and the next caller starts another. */
  leave(id: string): void {
    this.#flights.delete(id)
  }

  leaveUnder(path: string): void {
    for (const id of this.#flights.keys()) if (isUnder(path, id)) this.#flights.delete(id)
  }

  get size(): number {
    return this.#flights.size
  }
}
