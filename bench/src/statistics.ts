/** The value below which this share of the values lies, interpolated. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  const position = (sorted.length - 1) * share
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position - Math.floor(position))
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The percentile of single measurements, by nearest rank: one that was measured, where two kinds of them lie far apart. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.max(0, Math.ceil((percent * sorted.length) / 100) - 1)] ?? Number.NaN
}

/** A figure over several rounds: the median, and the middle half. */
export interface Spread {
  readonly measured: number
  readonly low: number
  readonly high: number
  readonly rounds: number
}

export function spreadOf(values: readonly number[]): Spread {
  return {
    measured: median(values),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    rounds: values.length,
  }
}

/** A hundred and one values that stand for all: the fastest, one for each percent, the slowest. */
export function stripOf(values: readonly number[]): number[] {
  return Array.from({ length: 101 }, (_, percent) => Number(percentile(values, percent).toPrecision(4)))
}

/** With the three digits that are worth showing. */
export function shown(value: number): number {
  return Number(Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3))
}
