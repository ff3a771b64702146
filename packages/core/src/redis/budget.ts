import type { Clock } from '../clock.js'
import type { Milliseconds } from '../types.js'

/** What is left of one call's waits for Redis. Waits of one call that overlap count once. */
export class Budget {
  readonly #clock: Clock
  readonly #whole: Milliseconds
  #left: Milliseconds
  #waiting = 0
  #since = 0

  constructor(left: Milliseconds, clock: Clock) {
    this.#whole = left
    this.#left = left
    this.#clock = clock
  }

  /** Nothing of it has been spent, and nothing is being. */
  get isWhole(): boolean {
    return this.#left === this.#whole && this.#waiting === 0
  }

  /** A wait of so long is over. */
  spend(waited: Milliseconds): void {
    this.#left = Math.max(0, this.#left - waited)
  }

  get left(): Milliseconds {
    const spent = this.#waiting === 0 ? 0 : this.#clock.precise() - this.#since
    return Math.max(0, this.#left - spent)
  }

  begin(): void {
    if (this.#waiting === 0) this.#since = this.#clock.precise()
    this.#waiting += 1
  }

  end(): void {
    if (this.#waiting === 1) this.#left = this.left
    this.#waiting -= 1
  }
}
