import type { Attributes, Counter } from '@opentelemetry/api'
import { guarded } from './guarded.js'

/** One series of a counter. The hot path increments `count`, and nothing else. */
export interface Cell {
  readonly attributes: Attributes
  count: number
  flushed: number
}

/**
 * A counter that costs an integer increment: what was counted is added to the instrument when metrics are collected.
 *
 * A flush adds every cell, 0 included: a series whose first point came later would start after it ended, and a delta
 * reader would see an empty window.
 */
export class FlushedCounter {
  readonly #cells: Cell[] = []
  #instrument: Counter | undefined

  cell(attributes: Attributes): Cell {
    const cell = { attributes, count: 0, flushed: 0 }
    this.#cells.push(cell)
    guarded(() => this.#instrument?.add(0, attributes))
    return cell
  }

  /** Everything counted so far, flushed or not. */
  get total(): number {
    return this.#cells.reduce((sum, cell) => sum + cell.count, 0)
  }

  attach(instrument: Counter): void {
    this.#instrument = instrument
    this.flush()
  }

  detach(): void {
    this.flush()
    this.#instrument = undefined
  }

  flush(): void {
    if (this.#instrument === undefined) return
    for (const cell of this.#cells) {
      const { count } = cell
      const delta = count - cell.flushed
      // Before the call: should the instrument throw, the count is lost rather than told twice.
      cell.flushed = count
      guarded(() => this.#instrument?.add(delta, cell.attributes))
    }
  }
}
