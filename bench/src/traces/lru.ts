import type { Policy } from './policy.js'

/** Evicts what was not asked for longest. A Map keeps its keys in the order of their insertion. */
export class Lru implements Policy {
  readonly #capacity: number
  readonly #held = new Map<number, true>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  request(key: number): boolean {
    const isHit = this.#held.delete(key)
    this.#held.set(key, true)
    if (this.#held.size > this.#capacity) this.#held.delete(this.#held.keys().next().value as number)
    return isHit
  }
}
