import type { Sample } from './samples.js'

/** Tells by how much counters have grown since the scrape before, over restarts of the process. */
export class CounterGrowth {
  readonly #last = new Map<string, number>()
  #isFirstScrape = true

  of({ series, value }: Sample): number {
    const before = this.#last.get(series)
    this.#last.set(series, value)
    // What the first scrape brings may have been counted for days. What comes later has begun at 0 since.
    if (before === undefined) return this.#isFirstScrape ? 0 : value
    // Who has fallen has begun again.
    return value >= before ? value - before : value
  }

  endScrape(): void {
    this.#isFirstScrape = false
  }
}
