/** So many names without a value are kept, or as many as have one. */
const SPARE = 64

/**
 * A Map of what comes and goes with each lookup. Where a Map has deletions, V8 moves it again and again into a new table,
 * and links the old one, with what was there at that time, to the next. Once one of them has grown old, all that follow
 * survive until a whole collection: under 64 callers that took a third of the time. So nothing is deleted here, but left
 * without a value, and from time to time the rest is taken over into a new Map.
 */
export class TransientMap<V extends object> {
  #values = new Map<string, V | undefined>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(name: string): V | undefined {
    return this.#values.get(name)
  }

  set(name: string, value: V): void {
    if (this.#values.get(name) === undefined) this.#size += 1
    this.#values.set(name, value)
  }

  delete(name: string): void {
    const values = this.#values
    if (values.get(name) === undefined) return
    values.set(name, undefined)
    this.#size -= 1
    if (values.size - this.#size > Math.max(SPARE, this.#size)) this.#values = new Map(this.entries())
  }

  /** What is there now. */
  entries(): ReadonlyArray<readonly [name: string, value: V]> {
    const entries: Array<readonly [string, V]> = []
    for (const [name, value] of this.#values) if (value !== undefined) entries.push([name, value])
    return entries
  }
}
