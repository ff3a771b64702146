/** The end of the list on both sides; no slot has this number. */
const END = 0

/** Slots in the order in which they were last used: a list in two columns. */
export class LeastRecentlyUsed {
  #newer: Uint32Array
  #older: Uint32Array

  constructor(capacity: number) {
    this.#newer = new Uint32Array(capacity)
    this.#older = new Uint32Array(capacity)
  }

  grow(capacity: number): void {
    this.#newer = grown(this.#newer, capacity)
    this.#older = grown(this.#older, capacity)
  }

  add(slot: number): void {
    const newest = this.#older[END] as number
    this.#older[slot] = newest
    this.#newer[newest] = slot
    this.#newer[slot] = END
    this.#older[END] = slot
  }

  /** `remove` and `add` in one piece: it is done at each hit. */
  used(slot: number): void {
    const newers = this.#newer
    const olders = this.#older
    const newest = olders[END] as number
    if (newest === slot) return
    const newer = newers[slot] as number
    const older = olders[slot] as number
    olders[newer] = older
    newers[older] = newer
    olders[slot] = newest
    newers[newest] = slot
    newers[slot] = END
    olders[END] = slot
  }

  remove(slot: number): void {
    const newer = this.#newer[slot] as number
    const older = this.#older[slot] as number
    this.#older[newer] = older
    this.#newer[older] = newer
  }

  /** The next to be evicted, of those that are there. */
  get victim(): number {
    return this.#newer[END] as number
  }
}

function grown(column: Uint32Array, capacity: number): Uint32Array {
  const larger = new Uint32Array(capacity)
  larger.set(column)
  return larger
}
