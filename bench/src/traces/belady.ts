import type { Policy } from './policy.js'

const NEVER = 0x7fffffff

/**
 * The clairvoyant optimum: evicts what will not be asked for longest, the newcomer itself included. No policy can hit more
 * often. Belady, "A study of replacement algorithms for a virtual-storage computer", 1966.
 */
export class Belady implements Policy {
  readonly #capacity: number
  /** When what is asked for at an instant is asked for again. */
  readonly #again: Int32Array
  /** Of each key that is held, when it is asked for again. */
  readonly #held = new Map<number, number>()
  /** Instants and the keys asked for then, latest first. What has changed since is passed over when it comes up. */
  readonly #latest = new Latest()
  #now = 0

  constructor(capacity: number, requests: Int32Array) {
    this.#capacity = capacity
    this.#again = new Int32Array(requests.length).fill(NEVER)
    const seen = new Map<number, number>()
    for (let at = requests.length - 1; at >= 0; at--) {
      const key = requests[at] as number
      this.#again[at] = seen.get(key) ?? NEVER
      seen.set(key, at)
    }
  }

  request(key: number): boolean {
    const again = this.#again[this.#now++] as number
    const isHit = this.#held.has(key)
    // What never comes again need not be held.
    if (again === NEVER) {
      this.#held.delete(key)
      return isHit
    }
    this.#held.set(key, again)
    this.#latest.push(again, key)
    if (this.#held.size > this.#capacity) this.#evict()
    return isHit
  }

  #evict(): void {
    for (;;) {
      const { instant, key } = this.#latest.pop()
      if (this.#held.get(key) === instant) {
        this.#held.delete(key)
        return
      }
    }
  }
}

/** A binary heap of instants and keys, the latest instant on top. */
class Latest {
  readonly #instants: number[] = []
  readonly #keys: number[] = []

  push(instant: number, key: number): void {
    let at = this.#instants.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((this.#instants[parent] as number) >= instant) break
      this.#move(parent, at)
      at = parent
    }
    this.#instants[at] = instant
    this.#keys[at] = key
  }

  pop(): { readonly instant: number; readonly key: number } {
    const top = { instant: this.#instants[0] as number, key: this.#keys[0] as number }
    const instant = this.#instants.pop() as number
    const key = this.#keys.pop() as number
    const size = this.#instants.length
    if (size === 0) return top
    let at = 0
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && (this.#instants[child + 1] as number) > (this.#instants[child] as number)) child += 1
      if ((this.#instants[child] as number) <= instant) break
      this.#move(child, at)
      at = child
    }
    this.#instants[at] = instant
    this.#keys[at] = key
    return top
  }

  #move(from: number, to: number): void {
    this.#instants[to] = this.#instants[from] as number
    this.#keys[to] = this.#keys[from] as number
  }
}
