import { el, scrollingTable, setText } from './dom.js'
import { NONE, orNone } from './format.js'
import { columnsOf } from './plots.js'
import type { Point } from './point.js'

/** All caches side by side, as they are now. */
export class Overview {
  readonly element: HTMLElement
  readonly #body: HTMLElement
  readonly #rows = new Map<string, HTMLElement>()

  constructor() {
    const columns = columnsOf('get').map(({ label }) => label)
    const { box, body } = scrollingTable('All caches now', ['Cache', ...columns])
    this.element = box
    this.#body = body
  }

  /** @param idOf the id of a cache's section */
  show(caches: ReadonlyMap<string, readonly Point[]>, operation: string, idOf: (name: string) => string): void {
    for (const [name, row] of this.#rows) {
      if (caches.has(name)) continue
      row.remove()
      this.#rows.delete(name)
    }
    const columns = columnsOf(operation)
    for (const [index, [name, points]] of [...caches].entries()) {
      const row = this.#rows.get(name) ?? this.#add(name, idOf(name), columns.length)
      if (this.#body.children[index] !== row) this.#body.insertBefore(row, this.#body.children[index] ?? null)
      for (const [at, { of, format, isTrouble }] of columns.entries()) {
        const cell = row.children[at + 1] as HTMLElement
        const figure = of(points.at(-1) as Point)
        setText(cell, orNone(figure, format))
        cell.classList.toggle('trouble', isTrouble === true && figure !== null && figure > 0)
      }
    }
  }

  #add(name: string, id: string, columns: number): HTMLElement {
    const figures = Array.from({ length: columns }, () => el('td', {}, NONE))
    const row = el('tr', {}, el('th', { scope: 'row' }, el('a', { href: `#${id}` }, name)), ...figures)
    this.#rows.set(name, row)
    return row
  }
}
