import type { MetricOptions } from '@opentelemetry/api'

/**
 * Every outside name in one place. Names and units are chosen so that a series is called the same on every path: through
 * a Prometheus exporter, a Collector, or Prometheus's own OTLP receiver. So the counters already end in `_total` and
 * count in braces, and the milliseconds have an empty unit, which nobody can append.
 */
export const METER_NAME = '@otel-cache/core'

export interface InstrumentSpec extends MetricOptions {
  readonly name: string
  readonly description: string
  readonly unit: string
}

export const HITS: InstrumentSpec = {
  name: 'redis_cache_hits_total',
  description: 'Lookups answered from the cache, by tier.',
  unit: '{hit}',
}

export const MISSES: InstrumentSpec = {
  name: 'redis_cache_misses_total',
  description: 'Lookups not answered from the cache, by reason.',
  unit: '{miss}',
}

export const ERRORS: InstrumentSpec = {
  name: 'redis_cache_errors_total',
  description: 'Cache operations that failed, by operation and type. A failing loader is not a cache error.',
  unit: '{error}',
}

export const SKIPPED: InstrumentSpec = {
  name: 'redis_cache_skipped_total',
  description: 'Redis operations not tried because the circuit breaker is open.',
  unit: '{operation}',
}

/** Bounds fine enough for a cache: the standard ones of databases begin at 1 ms, above most Redis hits. */
const BOUNDS_MS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000]
const BOUNDS_S = [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]

export const LATENCY_MS: InstrumentSpec = {
  name: 'redis_cache_latency_ms',
  description:
    'Duration of cache operations in milliseconds, without the loader. Memory hits are not timed by default.',
  unit: '',
  advice: { explicitBucketBoundaries: BOUNDS_MS },
}

export const DURATION_SECONDS: InstrumentSpec = {
  name: 'redis_cache_operation_duration_seconds',
  description: 'Duration of cache operations in seconds, without the loader. Memory hits are not timed by default.',
  unit: 's',
  advice: { explicitBucketBoundaries: BOUNDS_S },
}

export const MEMORY_ENTRIES: InstrumentSpec = {
  name: 'redis_cache_memory_entries',
  description: 'Entries that the memory tier holds.',
  unit: '{entry}',
}

export const CIRCUIT_STATE: InstrumentSpec = {
  name: 'redis_cache_circuit_state',
  description: 'State of the circuit breaker before Redis: 0 closed, 1 half-open, 2 open.',
  unit: '',
}

export const UNCONFIRMED: InstrumentSpec = {
  name: 'redis_cache_unconfirmed',
  description: 'Deletes that Redis has not confirmed and that wait to be replayed.',
  unit: '{entry}',
}

/** Attributes. Legal Prometheus labels, because a dot would be renamed on the way. */
export const ATTRIBUTE = {
  cache: 'cache',
  tier: 'tier',
  reason: 'reason',
  operation: 'operation',
  errorType: 'error_type',
} as const
