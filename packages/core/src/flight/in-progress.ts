import { isUnder } from '../keys.js'
import type { Mark } from '../mark.js'

/** The keys with something in progress. */
export class InProgress {
  readonly #marks = new Map<string, Mark>()

  begin(id: string): Mark {
    let mark = this.#marks.get(id)
    if (mark === undefined) {
      mark = { void: false, gone: false, holders: 0, endedTags: undefined }
      this.#marks.set(id, mark)
    }
    mark.holders += 1
    return mark
  }

  end(id: string, mark: Mark): void {
    mark.holders -= 1
    if (mark.holders === 0 && this.#marks.get(id) === mark) this.#marks.delete(id)
  }

  /** A change of this key: what began before it is void. */
  invalidate(id: string, isGone: boolean = true): void {
    const mark = this.#marks.get(id)
    if (mark === undefined) return
    mark.void = true
    mark.gone = isGone
    this.#marks.delete(id)
  }

  /** A change of everything under a path. */
  invalidateUnder(path: string): void {
    for (const id of this.#marks.keys()) if (isUnder(path, id)) this.invalidate(id)
  }

  /**
   * A change of everything under a path that carries a tag. What is in progress may not know its tags yet, so it is told.
   * What begins for the same key before that has ended is told too, and at worst not kept.
   */
  endTag(path: string, tag: string): void {
    for (const [id, mark] of this.#marks) {
      if (!isUnder(path, id)) continue
      mark.endedTags ??= new Set()
      mark.endedTags.add(tag)
    }
  }

  get size(): number {
    return this.#marks.size
  }
}
