/** Of a quantity that is never below 0. */
export interface Distribution {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** @param zeros how many more values there were, all of them 0 */
export function distributionOf(values: readonly number[], zeros = 0): Distribution {
  const sorted = Float64Array.from(values).sort()
  const count = sorted.length + zeros
  const at = (share: number): number => round(sorted[Math.ceil(share * count) - 1 - zeros] ?? 0)
  return { count, p50: at(0.5), p99: at(0.99), max: round(sorted.at(-1) ?? 0) }
}

/** To hundredths: more would be noise. */
export function round(value: number): number {
  return Math.round(value * 100) / 100
}
