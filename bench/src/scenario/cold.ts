import type { Chart, Table } from '../program.js'
import { COLUMNS, cellsOf, latencyStrip, percentilesOf } from './percentiles.js'
import { withService } from './service.js'
import { PATTERNS, REQUESTS, send, type Timings } from './traffic.js'

/** The less flattering form. */
interface Cold {
  readonly table: Table
  readonly chart: Chart
  readonly complaints: readonly string[]
}

/** The thousand requests to a cache that is empty: whoever asks first waits for the origin, and others with them. */
export async function cold(redisUrl: string, concurrencies: readonly number[], before: Timings): Promise<Cold> {
  const rows: (string | number)[][] = []
  const strips = [{ label: 'no cache', values: latencyStrip([before]) }]
  const complaints: string[] = []
  for (const concurrency of concurrencies) {
    const name = `cold-${concurrency}`
    await withService({ redisUrl, seed: concurrency, name }, async ({ ask, cache, origin }) => {
      const timings = await send(REQUESTS, concurrency, ask)
      const { hits, misses, coalesced } = cache.stats()
      const loads = origin.waits.length
      rows.push([concurrency, ...cellsOf(percentilesOf([timings])), hits.memory + hits.redis, misses, coalesced, loads])
      strips.push({
        label: concurrency === REQUESTS.length ? 'all at once' : `${concurrency} at a time`,
        values: latencyStrip([timings]),
      })
      if (loads !== PATTERNS.length) complaints.push(`${name}: ${loads} loads of ${PATTERNS.length} patterns`)
    })
  }
  return {
    complaints,
    table: {
      title: 'From cold: the 1,000 requests without a first lookup of each pattern',
      columns: ['at a time', ...COLUMNS, 'hits', 'misses', 'of them waiters', 'loads'],
      rows,
      note: 'The least flattering form: who comes while a pattern is loaded waits for that load, and counts as a miss. With all at once nobody comes later, so a cache saves the origin 950 requests, and its callers no time.',
    },
    chart: {
      kind: 'strips',
      name: 'from-cold',
      title: '1,000 requests to an empty cache',
      subtitle: 'Each mark is one percent of the requests; above p50, below p95.',
      unit: 'ms',
      scale: 'log',
      strips,
    },
  }
}
