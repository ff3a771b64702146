import type { Attributes } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type Histogram,
  MeterProvider,
  type MeterProviderOptions,
  type MetricData,
  MetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'

/** Reads when it is told to, and once more when its provider is shut down. */
export class TestReader extends MetricReader {
  /** What the collection at shutdown brought. */
  final: Collected | undefined

  constructor(temporality: AggregationTemporality = AggregationTemporality.CUMULATIVE) {
    super({ aggregationTemporalitySelector: () => temporality })
  }

  async read(): Promise<Collected> {
    const { resourceMetrics, errors } = await this.collect()
    if (errors.length > 0) throw new AggregateError(errors, 'a collection failed')
    return new Collected(resourceMetrics)
  }

  protected override async onShutdown(): Promise<void> {
    this.final = await this.read()
  }

  protected override async onForceFlush(): Promise<void> {}
}

export interface Point {
  readonly attributes: Attributes
  readonly value: number | Histogram
  readonly startTime: readonly [number, number]
  readonly endTime: readonly [number, number]
}

/** One collection. */
export class Collected {
  readonly metrics: readonly MetricData[]
  readonly resourceMetrics: ResourceMetrics

  constructor(resourceMetrics: ResourceMetrics) {
    this.resourceMetrics = resourceMetrics
    this.metrics = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics)
  }

  metric(name: string): MetricData | undefined {
    return this.metrics.find(({ descriptor }) => descriptor.name === name)
  }

  points(name: string): readonly Point[] {
    return (this.metric(name)?.dataPoints ?? []) as unknown as readonly Point[]
  }

  get all(): readonly Point[] {
    return this.metrics.flatMap(({ descriptor }) => this.points(descriptor.name))
  }

  /** The sum of a counter over every series that has these attributes; undefined where there is none. */
  sum(name: string, attributes: Attributes = {}): number | undefined {
    const values = this.#matching(name, attributes).map(({ value }) => value as number)
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0)
  }

  /** The one histogram with these attributes. */
  histogram(name: string, attributes: Attributes = {}): Histogram | undefined {
    const points = this.#matching(name, attributes)
    if (points.length > 1) throw new Error(`${points.length} series of ${name}`)
    return points[0]?.value as Histogram | undefined
  }

  /** How many measurements a histogram has taken. */
  count(name: string, attributes: Attributes = {}): number {
    return this.#matching(name, attributes).reduce((sum, { value }) => sum + (value as Histogram).count, 0)
  }

  /** Every series of a counter by its attributes, `cache` and static ones left out. */
  counts(name: string, ...names: string[]): Record<string, number> {
    return Object.fromEntries(
      this.points(name).map(({ attributes, value }) => [
        names.map((one) => attributes[one]).join(' '),
        value as number,
      ]),
    )
  }

  #matching(name: string, attributes: Attributes): readonly Point[] {
    const wanted = Object.entries(attributes)
    return this.points(name).filter((point) => wanted.every(([key, value]) => point.attributes[key] === value))
  }
}

/** A provider with readers of both temporalities. */
export function makeProvider(options: Omit<MeterProviderOptions, 'readers'> = {}): {
  provider: MeterProvider
  cumulative: TestReader
  delta: TestReader
} {
  const cumulative = new TestReader()
  const delta = new TestReader(AggregationTemporality.DELTA)
  return { provider: new MeterProvider({ ...options, readers: [cumulative, delta] }), cumulative, delta }
}

/** What a delta reader told in all. */
export class DeltaSums {
  readonly #sums = new Map<string, number>()

  add(collected: Collected, name: string): void {
    for (const { attributes, value } of collected.points(name)) {
      const series = `${name} ${JSON.stringify(Object.entries(attributes).sort())}`
      const told = typeof value === 'number' ? value : value.count
      this.#sums.set(series, (this.#sums.get(series) ?? 0) + told)
    }
  }

  of(collected: Collected, name: string): Array<readonly [number, number]> {
    return collected.points(name).map(({ attributes, value }) => {
      const series = `${name} ${JSON.stringify(Object.entries(attributes).sort())}`
      return [typeof value === 'number' ? value : value.count, this.#sums.get(series) ?? 0]
    })
  }
}
