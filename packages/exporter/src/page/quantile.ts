/**
 * The value that a share `q` of the observations stays under, as Prometheus's `histogram_quantile` estimates it:
 * interpolated within a bucket, and never above the highest bound. `null` without observations.
 *
 * @param buckets how many observations were at most so large, by bound, the infinite one included
 */
export function quantile(q: number, buckets: ReadonlyMap<number, number>): number | null {
  const sorted = [...buckets].sort(([a], [b]) => a - b)
  const [highest, total = 0] = sorted.at(-1) ?? []
  if (highest !== Number.POSITIVE_INFINITY || !(total > 0)) return null
  const rank = q * total
  const index = sorted.findIndex(([, count]) => count >= rank)
  const [start, below] = sorted[index - 1] ?? [0, 0]
  const [end, count] = sorted[index] ?? [highest, total]
  if (end === Number.POSITIVE_INFINITY) return index > 0 ? start : null
  if (index === 0 && end <= 0) return end
  return count === below ? end : start + (end - start) * ((rank - below) / (count - below))
}
