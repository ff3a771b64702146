import { Chart } from './chart.js'
import { el, scrollingTable, setText } from './dom.js'
import { circuit, clock, orNone } from './format.js'
import { columnsOf, plotsOf } from './plots.js'
import type { Point } from './point.js'

/** The table has a row for so many seconds. */
const ROW = 10

/** One cache: its charts, and the same as a table. What is folded away costs nothing. */
export class CacheSection {
  readonly element: HTMLElement
  /** Of its heading. */
  readonly id: string
  readonly #fold: HTMLDetailsElement
  readonly #tableFold: HTMLDetailsElement
  readonly #badge: HTMLElement = el('span', { class: 'badge' })
  readonly #charts: HTMLElement = el('div', { class: 'charts' })
  readonly #table: ReturnType<typeof scrollingTable>
  #drawn: readonly Chart[] = []
  #points: readonly Point[] = []
  #operation = 'get'

  constructor(name: string, id: string, isOpen: boolean) {
    this.id = id
    const columns = columnsOf(this.#operation).map(({ label }) => label)
    this.#table = scrollingTable(`Figures of ${name}, the newest first`, ['Time', ...columns])
    this.#tableFold = el('details', { class: 'figures' }, el('summary', {}, 'The same as a table'), this.#table.box)
    const heading = el('h2', { id }, name)
    this.#fold = el('details', {}, el('summary', {}, heading, this.#badge), this.#charts, this.#tableFold)
    this.#fold.open = isOpen
    this.element = el('section', { class: 'cache', 'aria-labelledby': id }, this.#fold)
    for (const fold of [this.#fold, this.#tableFold]) fold.addEventListener('toggle', () => this.#draw())
  }

  show(points: readonly Point[], operation: string): void {
    this.#points = points
    this.#operation = operation
    const state = points.at(-1)?.circuit ?? null
    setText(this.#badge, state === null ? '' : `breaker ${circuit(state)}`)
    this.#badge.dataset['state'] = String(state)
    this.#draw()
  }

  remove(): void {
    this.element.remove()
    for (const chart of this.#drawn) chart.destroy()
  }

  /** Takes on the colours of now. */
  redraw(): void {
    for (const chart of this.#drawn) chart.redraw()
  }

  #draw(): void {
    if (!this.#fold.open) return
    const plots = plotsOf(this.#operation)
    if (this.#drawn.length === 0) {
      this.#drawn = plots.map((plot) => new Chart(plot))
      this.#charts.append(...this.#drawn.map(({ element }) => element))
    }
    for (const [index, plot] of plots.entries()) {
      const chart = this.#drawn[index] as Chart
      const isTold = plot.lines.some(({ of }) => this.#points.some((point) => of(point) !== null))
      chart.element.hidden = plot.isOptional === true && !isTold
      if (!chart.element.hidden) chart.show(plot, this.#points)
    }
    if (this.#tableFold.open) this.#fillTable()
  }

  #fillTable(): void {
    const columns = columnsOf(this.#operation)
    const newest = this.#points.filter(
      ({ time }, index) => Math.floor(time / ROW) !== Math.floor((this.#points[index - 1]?.time ?? 0) / ROW),
    )
    const rows = newest.reverse().map((point) => {
      const figures = columns.map(({ of, format }) => el('td', {}, orNone(of(point), format)))
      return el('tr', {}, el('th', { scope: 'row' }, clock(point.time)), ...figures)
    })
    this.#table.body.replaceChildren(...rows)
  }
}
