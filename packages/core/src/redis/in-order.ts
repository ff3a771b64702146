import type { Budget } from './budget.js'

/**
 * Changes of the same name, one after the other. In a Cluster a command that was redirected, or refused for a while, is
 * sent again by the client, and would undo what had been sent and confirmed after it.
 */
export class InOrder {
  /** By name the last change under way, or waiting for those before it. */
  readonly #last = new Map<string, Promise<unknown>>()

  /** @param change never rejects, and ends within the budget */
  run<T>(names: readonly string[], budget: Budget, change: () => Promise<T>): Promise<T> {
    const before = names.flatMap((name) => this.#last.get(name) ?? [])
    const changed = before.length === 0 ? change() : after(before, budget).then(change)
    for (const name of names) this.#last.set(name, changed)
    changed.then(() => {
      for (const name of names) if (this.#last.get(name) === changed) this.#last.delete(name)
    })
    return changed
  }
}

/** Those before end by their own deadlines, which are no later. */
async function after(before: ReadonlyArray<Promise<unknown>>, budget: Budget): Promise<void> {
  budget.begin()
  await Promise.all(before)
  budget.end()
}
