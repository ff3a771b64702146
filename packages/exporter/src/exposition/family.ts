import type { Exemplar } from '../exemplars.js'

/** All series of one name, as Prometheus has them: what is collected, added up over processes, and written down. */
export interface Family {
  readonly type: 'counter' | 'updowncounter' | 'gauge' | 'histogram' | 'info'
  /** Legal for Prometheus. A counter's ends in `_total`, an info's in `_info`. */
  readonly name: string
  readonly help: string
  /** As OpenTelemetry has it, such as `s` or `{hit}`. */
  readonly unit: string
  /** By its labels, as they are written between the braces. A histogram has histograms, all others numbers. */
  readonly series: Map<string, number | HistogramValue>
}

export interface HistogramValue {
  /** Upper bounds, ascending. */
  readonly bounds: readonly number[]
  /** Of each bucket by itself; one more than there are bounds. */
  readonly counts: readonly number[]
  /** None where negative values can have been measured. */
  readonly sum: number | undefined
  readonly exemplars: readonly Exemplar[]
}

/** By name. */
export type Families = Map<string, Family>

/** Collects everything within so many milliseconds, or rejects: with an `AggregateError` where something is missing. */
export type Collect = (timeout: number) => Promise<Families>
