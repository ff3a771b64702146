import { percentile, type Spread, shown, spreadOf, stripOf } from '../statistics.js'
import type { Timings } from './traffic.js'

/** What is said of some requests: over several rounds the median of each, and its middle half. Milliseconds. */
export interface Percentiles {
  readonly p50: Spread
  readonly p95: Spread
  readonly p99: Spread
  /** From the first call to the last answer. */
  readonly total: Spread
}

export const COLUMNS = ['p50 ms', 'p95 ms', 'p99 ms', 'together ms'] as const

export function percentilesOf(rounds: readonly Timings[]): Percentiles {
  const at = (percent: number): Spread => spreadOf(rounds.map(({ latencies }) => percentile(latencies, percent)))
  return { p50: at(50), p95: at(95), p99: at(99), total: spreadOf(rounds.map(({ total }) => total)) }
}

export function cellsOf({ p50, p95, p99, total }: Percentiles): number[] {
  return [p50, p95, p99, total].map(({ measured }) => shown(measured))
}

/** The latencies of all rounds as a strip. */
export function latencyStrip(rounds: readonly Timings[]): number[] {
  return stripOf(rounds.flatMap(({ latencies }) => latencies))
}
