import { isUnder } from '../keys.js'
import type { Mark } from '../mark.js'

/** The keys with something in progress. What begins after a tag has ended has a mark of its own. */
export class InProgress {
  readonly #newest = new Map<string, Mark>()

  begin(id: string): Mark {
    let mark = this.#newest.get(id)
    if (mark === undefined || mark.endedTags !== undefined) {
      mark = { void: false, gone: false, holders: 0, heard: 0, endedTags: undefined, older: mark }
      this.#newest.set(id, mark)
    }
    mark.holders += 1
    return mark
  }

  end(id: string, mark: Mark): void {
    mark.holders -= 1
    if (mark.holders > 0 || mark.void) return
    const newest = this.#newest.get(id)
    const rest = newest && withoutEnded(newest)
    if (rest !== undefined) this.#newest.set(id, rest)
    else this.#newest.delete(id)
  }

  /** A change of this key: what began before it is void. */
  invalidate(id: string, isGone: boolean = true): void {
    for (let mark = this.#newest.get(id); mark !== undefined; mark = mark.older) {
      mark.void = true
      mark.gone = isGone
    }
    this.#newest.delete(id)
  }

  /** Redis tells that the key was changed. What is in progress goes on: its lease says whether it is too old. */
  hear(id: string): void {
    for (let mark = this.#newest.get(id); mark !== undefined; mark = mark.older) mark.heard += 1
  }

  /** Redis tells that everything may have changed. */
  hearAll(): void {
    for (const id of this.#newest.keys()) this.hear(id)
  }

  /** A change of everything under a path. */
  invalidateUnder(path: string): void {
    for (const id of this.#newest.keys()) if (isUnder(path, id)) this.invalidate(id)
  }

  /** A change of everything under a path that carries a tag. What is in progress may not know its tags yet, so it is told. */
  endTag(path: string, tag: string): void {
    for (const [id, newest] of this.#newest) {
      if (!isUnder(path, id)) continue
      for (let mark: Mark | undefined = newest; mark !== undefined; mark = mark.older) {
        mark.endedTags ??= new Set()
        mark.endedTags.add(tag)
      }
    }
  }

  get size(): number {
    return this.#newest.size
  }
}

/** The marks from this one on that somebody holds. */
function withoutEnded(mark: Mark): Mark | undefined {
  mark.older = mark.older && withoutEnded(mark.older)
  return mark.holders > 0 ? mark : mark.older
}
