import type { Attributes } from '@opentelemetry/api'

/** One measurement whose trace was sampled. */
export interface Exemplar {
  /** In the unit of the metric. */
  readonly value: number
  /** Of the span that was active, as 32 hexadecimal digits. */
  readonly traceId: string
  /** As 16 hexadecimal digits. */
  readonly spanId: string
  /** Milliseconds since 1970. */
  readonly timestamp: number
}

/**
 * Knows the last sampled measurements of a histogram, one for each of its buckets at best; asked for every series at
 * every OpenMetrics scrape. `attributes` is the very object that was recorded with, unless a View takes some away.
 */
export type ExemplarSource = (metric: string, attributes: Attributes) => Iterable<Exemplar> | undefined

/**
 * Where instrumentation leaves its exemplars, because neither line of the SDK carries any: by the attributes object it
 * records with, so that nothing is kept alive. A global symbol, so that neither package depends on the other.
 */
const REGISTRY: unique symbol = Symbol.for('otel-cache.exemplars') as never

type Registry = WeakMap<Attributes, (metric: string) => Iterable<Exemplar> | undefined>

/** The exemplars of whoever registered some. */
export const registeredExemplars: ExemplarSource = (metric, attributes) =>
  (globalThis as { [REGISTRY]?: Registry })[REGISTRY]?.get(attributes)?.(metric)
