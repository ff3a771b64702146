import { isUnder } from '../keys.js'
import type { Change, Mark } from '../mark.js'
import { TransientMap } from './transient-map.js'

/** One that nobody can wait for. */
const SOME_CHANGE: Change = { outcome: undefined, mark: undefined }

/** The keys with something in progress. What begins after a tag has ended, or the mark before turned void, has its own. */
export class InProgress {
  readonly #newest = new TransientMap<Mark>()

  begin(id: string): Mark {
    let mark = this.#newest.get(id)
    if (mark === undefined || mark.void || mark.endedTags !== undefined) {
      mark = {
        void: false,
        supersededBy: undefined,
        gone: false,
        holders: 0,
        heard: 0,
        endedTags: undefined,
        older: mark,
      }
      this.#newest.set(id, mark)
    }
    mark.holders += 1
    return mark
  }

  end(id: string, mark: Mark): void {
    mark.holders -= 1
    if (mark.holders > 0 || mark.supersededBy !== undefined) return
    const newest = this.#newest.get(id)
    const rest = newest && withoutEnded(newest)
    if (rest !== undefined) this.#newest.set(id, rest)
    else this.#newest.delete(id)
  }

  /** A change of this key begins: what began before it is void. */
  supersede(id: string, by: Change = SOME_CHANGE, isGone: boolean = true): void {
    for (let mark = this.#newest.get(id); mark !== undefined; mark = mark.older) mark.supersededBy = by
    this.outdate(id, isGone)
    this.#newest.delete(id)
  }

  /**
   * A change of this key has ended: whenever it took effect, what has been read until now may be older. Changes that began
   * after it are to come.
   */
  outdate(id: string, isGone: boolean = true): void {
    for (let mark = this.#newest.get(id); mark !== undefined; mark = mark.older) {
      mark.void = true
      if (isGone) mark.gone = true
    }
  }

  /** Redis tells that the key was changed. What is in progress goes on: its lease says whether it is too old. */
  hear(id: string): void {
    for (let mark = this.#newest.get(id); mark !== undefined; mark = mark.older) mark.heard += 1
  }

  /** Redis tells that everything may have changed. */
  hearAll(): void {
    for (const [id] of this.#newest.entries()) this.hear(id)
  }

  /** A change of everything under a path begins. */
  supersedeUnder(path: string): void {
    for (const [id] of this.#newest.entries()) if (isUnder(path, id)) this.supersede(id)
  }

  /** Such a change has ended. */
  outdateUnder(path: string, isGone: boolean = true): void {
    for (const [id] of this.#newest.entries()) if (isUnder(path, id)) this.outdate(id, isGone)
  }

  /** A change of everything under a path that carries a tag begins. What is in progress may not know its tags yet, so it is told. */
  endTag(path: string, tag: string): void {
    for (const [id, newest] of this.#newest.entries()) {
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
