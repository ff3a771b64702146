import type { Families, Family, HistogramValue } from './family.js'

type Value = number | HistogramValue

/** Adds a family to others, series by series. False, and nothing is added, where its name stands for another type. */
export function addFamily(families: Families, family: Family): boolean {
  const known = families.get(family.name)
  if (known === undefined) {
    families.set(family.name, { ...family, series: new Map(family.series) })
    return true
  }
  if (known.type !== family.type) return false
  for (const [labels, value] of family.series) addValue(known, labels, value)
  return true
}

/** Adds one value to a family. Of what cannot be added up, a gauge, the later one stays. */
export function addValue({ type, series }: Family, labels: string, value: Value): void {
  const known = series.get(labels)
  const adds = known !== undefined && type !== 'gauge' && type !== 'info'
  series.set(labels, adds ? sum(known, value) : value)
}

function sum(one: Value, other: Value): Value {
  if (typeof one === 'number' || typeof other === 'number') return Number(one) + Number(other)
  return {
    ...addBuckets(one, other),
    sum: one.sum === undefined || other.sum === undefined ? undefined : one.sum + other.sum,
    exemplars: [...one.exemplars, ...other.exemplars],
  }
}

/** Where the bounds differ (two releases side by side), a count stays under the bound that it was counted under. */
function addBuckets(one: HistogramValue, other: HistogramValue): Pick<HistogramValue, 'bounds' | 'counts'> {
  const byBound = new Map<number, number>()
  for (const { bounds, counts } of [one, other]) {
    for (const [index, count] of counts.entries()) {
      const bound = bounds[index] ?? Number.POSITIVE_INFINITY
      byBound.set(bound, (byBound.get(bound) ?? 0) + count)
    }
  }
  const sorted = [...byBound].sort(([a], [b]) => a - b)
  return { bounds: sorted.slice(0, -1).map(([bound]) => bound), counts: sorted.map(([, count]) => count) }
}
