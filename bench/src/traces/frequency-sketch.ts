const ROWS = 4
/** Counters of a row for each key that fits. */
const WIDTH = 4
const MOST = 15
/** Any numbers will do, so that a key falls elsewhere in each row. */
const SEEDS = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const

/**
 * How often keys were asked for lately, roughly and in little room: a count-min sketch of counters up to 15, which are
 * halved after ten requests for each key that fits. Cormode and Muthukrishnan, 2005; the ageing is TinyLFU's.
 */
export class FrequencySketch {
  readonly #mask: number
  readonly #rows: readonly Uint8Array[]
  readonly #sample: number
  #added = 0

  constructor(capacity: number) {
    const width = 2 ** Math.ceil(Math.log2(Math.max(16, capacity * WIDTH)))
    this.#mask = width - 1
    this.#rows = Array.from({ length: ROWS }, () => new Uint8Array(width))
    this.#sample = 10 * capacity
  }

  add(key: number): void {
    for (let row = 0; row < ROWS; row++) {
      const counters = this.#rows[row] as Uint8Array
      const cell = this.#cell(key, row)
      counters[cell] = Math.min((counters[cell] as number) + 1, MOST)
    }
    this.#added += 1
    if (this.#added >= this.#sample) this.#age()
  }

  estimate(key: number): number {
    let least = MOST
    for (let row = 0; row < ROWS; row++) {
      least = Math.min(least, (this.#rows[row] as Uint8Array)[this.#cell(key, row)] as number)
    }
    return least
  }

  #cell(key: number, row: number): number {
    // As MurmurHash3 ends.
    let hash = Math.imul(key ^ (SEEDS[row] as number), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return (hash ^ (hash >>> 16)) & this.#mask
  }

  #age(): void {
    for (const counters of this.#rows) for (let cell = 0; cell <= this.#mask; cell++) (counters[cell] as number) >>= 1
    this.#added >>= 1
  }
}
