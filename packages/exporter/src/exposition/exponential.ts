import type { ExponentialHistogram } from '@opentelemetry/sdk-metrics'
import type { HistogramValue } from './family.js'

/** Two buckets for each doubling, about as fine as the usual ladders of bounds. */
const SCALE = 1

/**
 * An exponential histogram as classic buckets. Bounds are powers of the square root of 2 whatever the histogram's own
 * scale, as long as that is finer: so the buckets of a series stay the same while the SDK makes room by halving.
 */
export function classicBuckets({ scale, zeroCount, positive, negative }: ExponentialHistogram): Buckets {
  const target = Math.min(scale, SCALE)
  const merged = 2 ** (scale - target)
  const bounds: number[] = []
  const counts: number[] = []
  const below = perBound(negative, merged)
  for (const index of [...below.keys()].reverse()) {
    bounds.push(-(2 ** (index / 2 ** target)))
    counts.push(below.get(index) as number)
  }
  bounds.push(0)
  counts.push(zeroCount)
  for (const [index, count] of perBound(positive, merged)) {
    bounds.push(2 ** ((index + 1) / 2 ** target))
    counts.push(count)
  }
  // Nothing lies above the highest bound.
  counts.push(0)
  return { bounds, counts }
}

type Buckets = Pick<HistogramValue, 'bounds' | 'counts'>

/** The counts of every bucket at the coarser scale between the lowest and the highest, ascending. */
function perBound({ offset, bucketCounts }: ExponentialHistogram['positive'], merged: number): Map<number, number> {
  const counts = new Map<number, number>()
  for (const [position, count] of bucketCounts.entries()) {
    const index = Math.floor((offset + position) / merged)
    counts.set(index, (counts.get(index) ?? 0) + count)
  }
  return counts
}
