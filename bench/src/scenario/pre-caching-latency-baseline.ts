import type { Program } from '../program.js'
import { Origin } from './origin.js'
import { COLUMNS, cellsOf, percentilesOf } from './percentiles.js'
import { REQUESTS, send, type Timings } from './traffic.js'

/** Before: every request waits for the origin. */
export const preCachingLatencyBaseline: Program = {
  name: 'pre-caching-latency-baseline',
  about: 'the source scenario before: every request waits some 800 ms for its origin',
  async run({ quick, progress }) {
    const concurrencies = quick ? [1_000] : [1_000, 200, 50]
    const rows: (string | number)[][] = []
    for (const [index, concurrency] of concurrencies.entries()) {
      progress(index / concurrencies.length, `${REQUESTS.length} requests, ${concurrency} at a time`)
      rows.push([concurrency, ...cellsOf(percentilesOf([await baseline(concurrency)]))])
    }
    return {
      tables: [
        {
          title: 'Before: 1,000 requests without a cache',
          columns: ['at a time', ...COLUMNS],
          rows,
          note: 'The origin is a timer of 800 ms, more or less up to 150 ms, the same in every run: it keeps no processor busy, however many ask.',
        },
      ],
      bounds: [],
      complaints: [],
    }
  },
}

/** The thousand requests without a cache. */
export function baseline(concurrency: number = REQUESTS.length): Promise<Timings> {
  const origin = new Origin(0)
  return send(REQUESTS, concurrency, (pattern) => origin.ask(pattern))
}
