import { type Attributes, context, type SpanContext, TraceFlags, trace } from '@opentelemetry/api'
import type { Milliseconds } from '../types.js'
import type { InstrumentSpec } from './names.js'

/** One measurement whose trace was sampled, as `@otel-cache/exporter` reads it. */
interface Exemplar {
  readonly value: number
  readonly traceId: string
  readonly spanId: string
  /** Milliseconds since 1970. */
  readonly timestamp: Milliseconds
}

/**
 * Where exporters look, by the attributes object of a series, because no OpenTelemetry SDK carries exemplars: a global
 * symbol, so that neither package depends on the other.
 */
const REGISTRY: unique symbol = Symbol.for('otel-cache.exemplars') as never

type Registry = WeakMap<Attributes, (metric: string) => Iterable<Exemplar> | undefined>

/** By series, metric and bucket. */
const kept = new WeakMap<Attributes, Map<string, Map<number, Exemplar>>>()

/** The span that what is measured here and now belongs to, where its trace is sampled. */
export function sampledSpan(): SpanContext | undefined {
  const span = trace.getSpanContext(context.active())
  return span !== undefined && (span.traceFlags & TraceFlags.SAMPLED) !== 0 ? span : undefined
}

/** Keeps a measurement as the last one of its bucket. */
export function keepExemplar(
  { traceId, spanId }: SpanContext,
  { name, advice }: InstrumentSpec,
  value: number,
  attributes: Attributes,
): void {
  const metrics = kept.get(attributes) ?? register(attributes)
  const buckets = metrics.get(name) ?? new Map<number, Exemplar>()
  metrics.set(name, buckets)
  const bucket = advice?.explicitBucketBoundaries?.findIndex((bound) => value <= bound) ?? 0
  buckets.set(bucket, { value, traceId, spanId, timestamp: Date.now() })
}

function register(attributes: Attributes): Map<string, Map<number, Exemplar>> {
  const metrics = new Map<string, Map<number, Exemplar>>()
  kept.set(attributes, metrics)
  const shared = globalThis as { [REGISTRY]?: Registry }
  shared[REGISTRY] ??= new WeakMap()
  shared[REGISTRY].set(attributes, (metric) => metrics.get(metric)?.values())
  return metrics
}
