/** What will be known once. The promise of it is made for who asks: most flights have one caller, who is told otherwise. */
export class Later<T> {
  #known: { readonly value: T } | undefined
  #promise: Promise<T> | undefined
  #resolve: ((value: T) => void) | undefined

  get promise(): Promise<T> {
    this.#promise ??= new Promise((resolve) => {
      if (this.#known === undefined) this.#resolve = resolve
      else resolve(this.#known.value)
    })
    return this.#promise
  }

  settle(value: T): void {
    this.#known = { value }
    this.#resolve?.(value)
  }
}
