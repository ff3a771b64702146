/** The numbers of OTLP. */
export const DELTA = 1
export const CUMULATIVE = 2

/** As OTLP tells it in JSON, where long integers are strings. */
export interface Metric {
  readonly name: string
  readonly unit?: string
  readonly description?: string
  readonly sum?: Points<NumberPoint> & { readonly isMonotonic: boolean }
  readonly gauge?: Omit<Points<NumberPoint>, 'aggregationTemporality'>
  readonly histogram?: Points<HistogramPoint>
}

interface Points<P> {
  readonly aggregationTemporality: number
  readonly dataPoints: readonly P[]
}

interface Point {
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: { readonly stringValue?: string } }>
}

interface NumberPoint extends Point {
  readonly asDouble?: number
  readonly asInt?: number | string
}

interface HistogramPoint extends Point {
  readonly count: number | string
  readonly sum: number
  readonly bucketCounts: ReadonlyArray<number | string>
  readonly explicitBounds: readonly number[]
}

/** Values by series, named as in Prometheus: `name{label="value"}` with the labels in order. */
export type Series = ReadonlyMap<string, number>

/** What was told of the cache's metrics so far. */
export class Metrics {
  readonly #series = new Map<string, number>()
  readonly #described = new Map<string, string>()
  /** Of counters and histograms. */
  readonly temporalities: Set<number> = new Set()
  exports = 0

  get series(): Series {
    return this.#series
  }

  /** What each metric says of itself: its kind, and its unit. */
  get described(): ReadonlyMap<string, string> {
    return this.#described
  }

  add(metrics: readonly Metric[]): void {
    for (const metric of metrics.filter(({ name }) => name.startsWith('redis_cache_'))) {
      const { name, sum, gauge, histogram, unit = '' } = metric
      if (sum) this.#described.set(name, `${sum.isMonotonic ? 'counter' : 'sum'} ${unit}`.trim())
      if (gauge) this.#described.set(name, `gauge ${unit}`.trim())
      if (histogram) this.#described.set(name, `histogram ${unit}`.trim())
      const temporality = (sum ?? histogram)?.aggregationTemporality
      if (temporality !== undefined) this.temporalities.add(temporality)
      const isDelta = temporality === DELTA
      const put = (id: string, value: number) =>
        this.#series.set(id, isDelta ? value + (this.#series.get(id) ?? 0) : value)
      for (const { attributes, asDouble, asInt } of (sum ?? gauge)?.dataPoints ?? []) {
        put(seriesId(name, labels(attributes)), Number(asDouble ?? asInt))
      }
      for (const { attributes, count, sum, bucketCounts, explicitBounds } of histogram?.dataPoints ?? []) {
        put(seriesId(`${name}_count`, labels(attributes)), Number(count))
        put(seriesId(`${name}_sum`, labels(attributes)), sum)
        let below = 0
        for (const [index, inBucket] of bucketCounts.entries()) {
          below += Number(inBucket)
          const le = String(explicitBounds[index] ?? '+Inf')
          put(seriesId(`${name}_bucket`, [...labels(attributes), ['le', le]]), below)
        }
      }
    }
    this.exports += 1
  }
}

/** The cache's series in Prometheus's text format. */
export function parsePrometheus(text: string): Series {
  const series = new Map<string, number>()
  for (const [, name, inner = '', value] of text.matchAll(/^(redis_cache_\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    const labels = [...inner.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
      ([, key = '', told = '']) => [key, told] as const,
    )
    const own = labels.filter(([key]) => !key.startsWith('otel_scope_'))
    series.set(seriesId(name as string, own), Number(value))
  }
  return series
}

/** What Prometheus is told of each metric: its type. */
export function prometheusTypes(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^# TYPE (redis_cache_\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]) as [])
}

function labels(attributes: Point['attributes']): Array<readonly [string, string]> {
  return attributes.map(({ key, value }) => [key, value.stringValue ?? ''])
}

function seriesId(name: string, labels: ReadonlyArray<readonly [string, string]>): string {
  const inner = labels.map(([key, value]) => `${key}="${value}"`).sort()
  return inner.length === 0 ? name : `${name}{${inner.join(',')}}`
}
