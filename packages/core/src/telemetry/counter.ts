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
  readonly #cells = new Map<string, Cell>()
  #instrument: Counter | undefined

  /** The cell of that name, made with these attributes where there is none yet. */
  cell(name: string, attributes: () => Attributes): Cell {
    let cell = this.#cells.get(name)
    if (cell === undefined) {
      cell = { attributes: attributes(), count: 0, flushed: 0 }
      this.#cells.set(name, cell)
      guarded(() => this.#instrument?.add(0, cell?.attributes))
    }
    return cell
  }

  /** Everything counted so far, flushed or not. */
  get total(): number {
    let total = 0
    for (const { count } of this.#cells.values()) total += count
    return total
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
    for (const cell of this.#cells.values()) {
      const { count } = cell
      const delta = count - cell.flushed
      // Before the call: should the instrument throw, the count is lost rather than told twice.
      cell.flushed = count
      guarded(() => this.#instrument?.add(delta, cell.attributes))
    }
  }
}
