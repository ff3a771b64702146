import { parseNumber, type Sample } from './samples.js'

/** What is counted, by the series it comes from. */
export type Count = 'memoryHits' | 'redisHits' | 'misses' | 'errors' | 'skipped'
export type Gauge = 'circuit' | 'proofAge' | 'memoryBytes' | 'memoryEntries'
/** Observations by operation and upper bound in seconds. */
export type Durations = Map<string, Map<number, number>>

/** What was told of one cache: counters as what they have grown by since they were first seen, gauges as they are. */
export interface Tally {
  readonly counts: Map<Count, number>
  readonly gauges: Map<Gauge, number>
  /** The same measurement from both histograms, of which a cache may keep only one. */
  readonly seconds: Durations
  readonly milliseconds: Durations
}

/** Tells what series have grown by. */
export interface Growth {
  of(sample: Sample): number
}

export function emptyTally(): Tally {
  return { counts: new Map(), gauges: new Map(), seconds: new Map(), milliseconds: new Map() }
}

const MERGE: ReadonlyMap<string, readonly [Gauge, (a: number, b: number) => number]> = new Map([
  // Each worker of a `node:cluster` has gauges of its own: the worst of them, or what they hold together.
  ['redis_cache_circuit_state', ['circuit', Math.max]],
  ['redis_cache_proof_age_seconds', ['proofAge', Math.max]],
  ['redis_cache_memory_bytes', ['memoryBytes', plus]],
  ['redis_cache_memory_entries', ['memoryEntries', plus]],
])

/** Adds what one sample tells. */
export function tell({ counts, gauges, seconds, milliseconds }: Tally, sample: Sample, growth: Growth): void {
  const { name, labels, value } = sample
  const count = (key: Count) => counts.set(key, (counts.get(key) ?? 0) + growth.of(sample))
  switch (name) {
    case 'redis_cache_hits_total':
      count(labels.get('tier') === 'memory' ? 'memoryHits' : 'redisHits')
      return
    case 'redis_cache_misses_total':
      count('misses')
      return
    case 'redis_cache_errors_total':
      count('errors')
      return
    case 'redis_cache_skipped_total':
      count('skipped')
      return
    case 'redis_cache_operation_duration_seconds_bucket':
      observe(seconds, sample, growth.of(sample), 1)
      return
    case 'redis_cache_latency_ms_bucket':
      observe(milliseconds, sample, growth.of(sample), 1_000)
      return
  }
  const [gauge, merge] = MERGE.get(name) ?? []
  if (gauge === undefined || merge === undefined) return
  const before = gauges.get(gauge)
  gauges.set(gauge, before === undefined ? value : merge(before, value))
}

function observe(durations: Durations, { labels }: Sample, grown: number, perSecond: number): void {
  const operation = labels.get('operation') ?? ''
  const bound = parseNumber(labels.get('le') ?? '') / perSecond
  const buckets = durations.get(operation) ?? new Map<number, number>()
  durations.set(operation, buckets.set(bound, (buckets.get(bound) ?? 0) + grown))
}

function plus(a: number, b: number): number {
  return a + b
}
