export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** By nearest rank: each figure is one that was measured. Rounded to a microsecond when the unit is a millisecond. */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = values.toSorted((a, b) => a - b)
  const rank = (share: number): number => Number(sorted[Math.ceil(share * sorted.length) - 1]?.toFixed(3))
  return { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99) }
}
