import { patterns } from './patterns.js'
import { type Percentiles, percentiles } from './percentiles.js'
import { FAMILIES, type Family, type Sample, samplesOf, total } from './scrape.js'
import type { Store } from './store.js'
import { REQUESTS, type Timings } from './traffic.js'

/** What `--json` prints: latencies in milliseconds as a client saw them, counts as the metrics port told them. */
export interface Figures {
  readonly store: Store['kind']
  readonly requests: number
  readonly patterns: number
  readonly hits: number
  readonly misses: number
  readonly errors: number
  readonly before: Percentiles
  readonly after: Percentiles
  readonly families: readonly Family[]
}

export function toFigures(store: Store['kind'], timings: Timings, samples: readonly Sample[]): Figures {
  return {
    store,
    requests: timings.after.length,
    patterns: timings.before.length,
    hits: total('redis_cache_hits_total', samples),
    misses: total('redis_cache_misses_total', samples),
    errors: total('redis_cache_errors_total', samples),
    before: percentiles(timings.before),
    after: percentiles(timings.after),
    families: FAMILIES.filter((family) => samplesOf(family, samples).length > 0),
  }
}

/** What is not as it should be, a sentence each. */
export function findProblems(figures: Figures): string[] {
  const missing = FAMILIES.filter((family) => !figures.families.includes(family))
  const problems = missing.map((family) => `the metric ${family} is missing`)
  if (figures.misses !== patterns.length) problems.push(`expected ${patterns.length} misses, got ${figures.misses}`)
  if (figures.hits !== REQUESTS) problems.push(`expected ${REQUESTS} hits, got ${figures.hits}`)
  return problems
}
