import type { Clock } from '../clock.js'
import type { Budget } from './budget.js'
import { Deadlines } from './deadlines.js'

/**
 * Changes of the same name, one after the other. In a Cluster a command that was redirected, or refused for a while, is
 * sent again by the client, and would undo what had been sent and confirmed after it.
 */
export class InOrder {
  readonly #deadlines: Deadlines
  /** By name the end of the last change, and of all before it. */
  readonly #last = new Map<string, Promise<unknown>>()

  constructor(clock: Clock) {
    this.#deadlines = new Deadlines(clock)
  }

  /**
   * @param change ends within the budget
   * @param lost what becomes of a change whose budget is spent before its turn has come: it is not made. Called once more
   * when those before it have ended
   */
  run<T>(names: readonly string[], budget: Budget, change: () => Promise<T>, lost: () => T): Promise<T> {
    const before = names.flatMap((name) => this.#last.get(name) ?? [])
    if (before.length === 0) {
      const changed = change()
      this.#note(names, changed)
      return changed
    }
    const turn = Promise.all(before)
    const changed = this.#inTime(turn, budget).then((isInTime) => {
      if (isInTime) return change()
      turn.then(lost)
      return lost()
    })
    this.#note(names, Promise.all([turn, changed]))
    return changed
  }

  #note(names: readonly string[], end: Promise<unknown>): void {
    const last = end.then(ignore, ignore)
    for (const name of names) this.#last.set(name, last)
    last.then(() => {
      for (const name of names) if (this.#last.get(name) === last) this.#last.delete(name)
    })
  }

  /** Those before began with budgets of their own, of which more may be left. */
  async #inTime(turn: Promise<unknown>, budget: Budget): Promise<boolean> {
    budget.begin()
    const isInTime = await new Promise<boolean>((resolve) => {
      const deadline = this.#deadlines.begin(budget.left, () => resolve(false))
      turn.then(() => {
        this.#deadlines.end(deadline)
        this.#deadlines.close()
        resolve(true)
      })
    })
    budget.end()
    return isInTime
  }
}

function ignore(): void {}
