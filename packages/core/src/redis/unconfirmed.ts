/** More than this many become one `clear` of the whole cache: a bound, and nothing forgotten. */
const MAX = 10_000

/** One name, with a number that tells one demand from a later one. */
export type Demand = readonly [name: string, demand: number]

/**
 * The names in Redis whose deletion was asked for and not confirmed: of values that were deleted, or set without success;
 * of generations that were ended. They are deleted again until Redis confirms it, and nothing is read under them before.
 */
export class Unconfirmed {
  readonly #widest: string
  readonly #onAdd: () => void
  readonly #onSwallow: () => void
  readonly #names = new Map<string, number>()
  #demands = 0

  /**
   * @param widest the name of the generation that everything belongs to
   * @param onSwallow called when that is to be ended instead of many
   */
  constructor(widest: string, onAdd: () => void, onSwallow: () => void) {
    this.#widest = widest
    this.#onAdd = onAdd
    this.#onSwallow = onSwallow
  }

  get size(): number {
    return this.#names.size
  }

  has(name: string): boolean {
    return this.#names.has(name)
  }

  add(name: string): void {
    const isSwallowed = this.has(this.#widest) || (this.size >= MAX && !this.has(name))
    if (isSwallowed) {
      this.#names.clear()
      this.#onSwallow()
    }
    this.#demands += 1
    this.#names.set(isSwallowed ? this.#widest : name, this.#demands)
    this.#onAdd()
  }

  /** What is to be deleted of these names, or of all, with the demand that `confirmed` takes back. */
  of(names: Iterable<string> = this.#names.keys()): readonly Demand[] {
    const demands: Demand[] = []
    for (const name of names) {
      const demand = this.#names.get(name)
      if (demand !== undefined) demands.push([name, demand])
    }
    return demands
  }

  /** What was demanded by then has been done; what was demanded since has not. */
  confirmed(demands: readonly Demand[]): void {
    for (const [name, demand] of demands) if (this.#names.get(name) === demand) this.#names.delete(name)
  }

  /** The names that begin so. */
  under(...prefixes: readonly string[]): readonly string[] {
    return [...this.#names.keys()].filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
  }
}
