/** So many keys are told apart; what falls together is judged together. A power of two. */
const CELLS = 8_192
/** From so many invalidations in a row that hit nothing but unread entries, memory steps aside. */
const LIMIT = 3
/** It takes one of so many all the same, to find out whether that has changed. */
const TRIAL = 16

/** Which keys are invalidated more often than they are asked for: memory would only work for the bin. */
export class Wasted {
  readonly #cells = new Uint8Array(CELLS)
  /** Above 0, there may be such keys: most caches have none, and pay for a comparison. */
  #sum = 0
  #turn = 0

  /** An entry was invalidated. */
  heard(id: string, served: boolean): void {
    const cell = cellOf(id)
    const before = this.#cells[cell] as number
    const after = served ? 0 : Math.min(before + 1, LIMIT)
    this.#cells[cell] = after
    this.#sum += after - before
  }

  isWaste(id: string): boolean {
    if (this.#sum === 0 || (this.#cells[cellOf(id)] as number) < LIMIT) return false
    this.#turn += 1
    return this.#turn % TRIAL !== 0
  }
}

/** FNV-1a. */
function cellOf(id: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < id.length; index++) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193)
  return (hash >>> 0) & (CELLS - 1)
}
