/** A process's values are told from all others by their upper digits. */
const PER_PROCESS = 2 ** 32

/** Identities for the values that one process writes and loads: numbers, so that JSON keeps them exactly. */
export class Versions {
  readonly #base: number
  #last = 0

  constructor(process: number) {
    this.#base = process * PER_PROCESS
  }

  next(): number {
    this.#last += 1
    return this.#base + this.#last
  }
}
