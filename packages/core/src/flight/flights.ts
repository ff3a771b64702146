import { isUnder } from '../keys.js'
import type { LookedUp } from '../outcome.js'
import type { HeldValue } from '../values.js'

/** One read-through of one key: its leader looks up and loads, everyone else waits. */
export interface Flight {
  /** Settles first, and never rejects. */
  readonly lookup: Promise<LookedUp>
  /** Undefined where the loader returned `undefined`. */
  readonly value: Promise<HeldValue | undefined>
}

/** The read-throughs in progress, one a key. */
export class Flights {
  readonly #flights = new Map<string, Flight>()

  get(id: string): Flight | undefined {
    return this.#flights.get(id)
  }

  /** Takes off; lands by itself. */
  add(id: string, flight: Flight): void {
    this.#flights.set(id, flight)
    const land = (): void => {
      if (this.#flights.get(id) === flight) this.#flights.delete(id)
    }
    // Both ways, so that a failure nobody waits for is no unhandled rejection.
    flight.value.then(land, land)
  }

  /** The key has changed: its flight goes on for those aboard, and the next caller starts another. */
  leave(id: string): void {
    this.#flights.delete(id)
  }

  leaveUnder(path: string): void {
    for (const id of this.#flights.keys()) if (isUnder(path, id)) this.#flights.delete(id)
  }
}
