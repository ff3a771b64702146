import type { MetricOptions } from '@opentelemetry/api'
import { type ErrorType, MISS_REASONS, type Operation, STALE_REASONS, type Tier } from '../outcome.js'

/**
 * Every outside name in one place; `docs/metrics.md` is generated from it. Names and units are chosen so that a series is
 * called the same on every path: through a Prometheus exporter, a Collector, or Prometheus's own OTLP receiver. So the
 * counters already end in `_total` and count in braces, and the milliseconds have an empty unit, which nobody can append.
 */
export const SCOPE_NAME = '@otel-cache/core'

/** Attributes. Legal Prometheus labels, because a dot would be renamed on the way. */
export const ATTRIBUTE = {
  cache: 'cache',
  tier: 'tier',
  reason: 'reason',
  operation: 'operation',
  errorType: 'error_type',
  result: 'result',
  scope: 'scope',
  direction: 'direction',
} as const

export interface InstrumentSpec extends MetricOptions {
  readonly name: string
  readonly kind: 'counter' | 'histogram' | 'gauge'
  readonly unit: string
  /** The help text. */
  readonly description: string
  /** Besides `cache` and the static ones. */
  readonly attributes: Readonly<Record<string, readonly string[]>>
  /** What exactly it counts, and what it does not. */
  readonly counts: string
  readonly countsNot: string
  /** A PromQL expression that uses it. */
  readonly promql: string
}

const TIERS: readonly Tier[] = ['memory', 'redis']
const TIMED: readonly Operation[] = ['get', 'set', 'delete', 'clear']
const OPERATIONS: readonly Operation[] = [...TIMED, 'lease', 'channel']
const ERROR_TYPES: readonly ErrorType[] = [
  'timeout',
  'connection',
  'auth',
  'readonly',
  'oom',
  'loading',
  'cluster',
  'undecodable',
  'other',
]

export const HITS: InstrumentSpec = {
  name: 'redis_cache_hits_total',
  kind: 'counter',
  unit: '{hit}',
  description: 'Lookups answered from the cache, fresh or stale, by tier.',
  attributes: { [ATTRIBUTE.tier]: TIERS },
  counts: 'Each key of `get`, `getMany`, `getOrSet` and `getOrSetMany` that a tier answered, stale ones included.',
  countsNot: '`has`, `peek` and `inspect`; a caller who waited for a load (a miss).',
  promql:
    'sum by (job, cache) (rate(redis_cache_hits_total[5m])) / (sum by (job, cache) (rate(redis_cache_hits_total[5m])) + sum by (job, cache) (rate(redis_cache_misses_total[5m])))',
}

export const MISSES: InstrumentSpec = {
  name: 'redis_cache_misses_total',
  kind: 'counter',
  unit: '{miss}',
  description: 'Lookups not answered from the cache, by reason.',
  attributes: { [ATTRIBUTE.reason]: MISS_REASONS },
  counts:
    'Each key that no tier answered, by its final outcome: not there, past its lifetime, Redis failed or was not asked, or not to be decoded. Each waiter of a shared load is a miss of its own.',
  countsNot: 'A key that was served stale instead (a hit).',
  promql: 'sum by (job, cache, reason) (rate(redis_cache_misses_total[5m]))',
}

export const ERRORS: InstrumentSpec = {
  name: 'redis_cache_errors_total',
  kind: 'counter',
  unit: '{error}',
  description: 'Cache operations that failed, by operation and type. A failing loader is not a cache error.',
  attributes: { [ATTRIBUTE.operation]: OPERATIONS, [ATTRIBUTE.errorType]: ERROR_TYPES },
  counts: 'Operations that Redis did not do, once for each way in which they failed.',
  countsNot: 'Loaders that fail; operations that were not tried because the circuit breaker is open; refused input.',
  promql: 'sum by (job, cache, operation, error_type) (rate(redis_cache_errors_total[5m]))',
}

/** Bounds fine enough for a cache: the standard ones of databases begin at 1 ms, above most Redis hits. */
const BOUNDS_MS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000]
const BOUNDS_S = [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
const LOAD_BOUNDS_S = [...BOUNDS_S, 2.5, 5, 10, 30]

const MEASUREMENT = {
  kind: 'histogram',
  attributes: { [ATTRIBUTE.operation]: TIMED },
  counts:
    'One observation for each call that left memory, whatever became of it; a batch is one. A `getOrSet` is timed as its `get` and, after a load, its `set`, of which a `getOrSetMany` has one for each key that it loaded. Every caller that waited for a shared answer is one.',
  countsNot:
    'Time in the loader, and the wait for another process that loads. Memory hits, unless `timeMemoryHits`: reading the clock costs more than the lookup. Leases and the invalidation channel: of those only errors are counted.',
} as const

export const LATENCY_MS: InstrumentSpec = {
  ...MEASUREMENT,
  name: 'redis_cache_latency_ms',
  unit: '',
  description:
    'Duration of cache operations in milliseconds, without the loader. Memory hits are not timed by default.',
  promql: 'histogram_quantile(0.95, sum by (job, cache, operation, le) (rate(redis_cache_latency_ms_bucket[5m])))',
  advice: { explicitBucketBoundaries: BOUNDS_MS },
}

export const DURATION_SECONDS: InstrumentSpec = {
  ...MEASUREMENT,
  name: 'redis_cache_operation_duration_seconds',
  unit: 's',
  description: 'Duration of cache operations in seconds, without the loader. Memory hits are not timed by default.',
  promql:
    'histogram_quantile(0.95, sum by (job, cache, operation, le) (rate(redis_cache_operation_duration_seconds_bucket[5m])))',
  advice: { explicitBucketBoundaries: BOUNDS_S },
}

export const LOAD_DURATION_SECONDS: InstrumentSpec = {
  name: 'redis_cache_load_duration_seconds',
  kind: 'histogram',
  unit: 's',
  description: 'Duration of runs of the loader in seconds, by result.',
  attributes: { [ATTRIBUTE.result]: ['success', 'error', 'timeout'] },
  counts:
    'Each run of a loader, in the foreground or behind; a batch is one run. `timeout` is the end at `loadTimeout`, also where the loader goes on.',
  countsNot: 'The wait for `maxConcurrentLoads`; loads that ended before their loader was called.',
  promql: 'histogram_quantile(0.95, sum by (job, cache, le) (rate(redis_cache_load_duration_seconds_bucket[5m])))',
  advice: { explicitBucketBoundaries: LOAD_BOUNDS_S },
}

export const COALESCED: InstrumentSpec = {
  name: 'redis_cache_coalesced_total',
  kind: 'counter',
  unit: '{call}',
  description: "Callers that waited for another's load.",
  attributes: { [ATTRIBUTE.scope]: ['process', 'fleet'] },
  counts:
    'Each key of a caller that waited until a load ended which another caller had begun: in this process, or (`fleet`) in another one.',
  countsNot: 'The caller that began the load; callers who shared a lookup that found what they wanted.',
  promql: 'sum by (job, cache) (rate(redis_cache_coalesced_total[5m]))',
}

export const STALE: InstrumentSpec = {
  name: 'redis_cache_stale_total',
  kind: 'counter',
  unit: '{hit}',
  description: 'Hits that were stale, by the reason why they were served.',
  attributes: { [ATTRIBUTE.reason]: STALE_REASONS },
  counts:
    'Hits past their lifetime or their proof: while a load runs behind, because a load failed, because it took too long, or because Redis could not verify them.',
  countsNot: 'What is served stale to a loader as `stale` in its context.',
  promql:
    'sum by (job, cache) (rate(redis_cache_stale_total[5m])) / sum by (job, cache) (rate(redis_cache_hits_total[5m]))',
}

export const EVICTIONS: InstrumentSpec = {
  name: 'redis_cache_evictions_total',
  kind: 'counter',
  unit: '{entry}',
  description: 'Entries that left memory, by reason.',
  attributes: { [ATTRIBUTE.reason]: ['size', 'expired', 'invalidated'] },
  counts:
    'Entries that made room for others, that were found to have ended, or that were deleted, expired, cleared or gone from Redis. Those of a cleared view or tag are counted when they are next looked at.',
  countsNot:
    'An entry that a new value of its key replaces, unless Redis tells of the change before it confirms it, as it may of a refresh; what Redis evicts.',
  promql: 'sum by (job, cache, reason) (rate(redis_cache_evictions_total[5m]))',
}

export const BYTES: InstrumentSpec = {
  name: 'redis_cache_bytes_total',
  kind: 'counter',
  unit: 'By',
  description: 'Stored bytes moved from and to Redis, by direction.',
  attributes: { [ATTRIBUTE.direction]: ['read', 'written'] },
  counts: 'Stored values as they lie in Redis, with their heads: those read, and those whose write was confirmed.',
  countsNot: 'Keys, generations and the overhead of the protocol.',
  promql: 'sum by (job, cache, direction) (rate(redis_cache_bytes_total[5m]))',
}

export const SKIPPED: InstrumentSpec = {
  name: 'redis_cache_skipped_total',
  kind: 'counter',
  unit: '{operation}',
  description: 'Redis operations not tried because the circuit breaker is open.',
  attributes: { [ATTRIBUTE.operation]: OPERATIONS },
  counts: 'Operations that would have asked Redis, and answered at once instead.',
  countsNot: 'The `set` after a load whose lookup was skipped: there is nothing to try.',
  promql: 'sum by (job, cache) (rate(redis_cache_skipped_total[5m]))',
}

export const MEMORY_ENTRIES: InstrumentSpec = {
  name: 'redis_cache_memory_entries',
  kind: 'gauge',
  unit: '{entry}',
  description: 'Entries that the memory tier holds.',
  attributes: {},
  counts: 'What is in memory at the moment of the scrape, also what is stale or past its proof.',
  countsNot: 'Anything in Redis.',
  promql: 'sum by (job, cache) (redis_cache_memory_entries)',
}

export const MEMORY_BYTES: InstrumentSpec = {
  name: 'redis_cache_memory_bytes',
  kind: 'gauge',
  unit: 'By',
  description: 'Encoded size of what the memory tier holds, keys included.',
  attributes: {},
  counts: 'The size by which `maxBytes` bounds memory: values as the codec encodes them, and their keys.',
  countsNot: 'What the decoded objects take on the heap, which is more.',
  promql: 'sum by (job, cache) (redis_cache_memory_bytes)',
}

export const CIRCUIT_STATE: InstrumentSpec = {
  name: 'redis_cache_circuit_state',
  kind: 'gauge',
  unit: '',
  description: 'State of the circuit breaker before Redis: 0 closed, 1 half-open, 2 open.',
  attributes: {},
  counts: '2 after ten failures in a row; 1 while Redis has been asked whether it is back; else 0.',
  countsNot:
    'A first connection that is still awaited, stalls of the event loop, and refused writes: these leave it 0.',
  promql: 'max by (job, cache) (redis_cache_circuit_state) > 0',
}

export const UNCONFIRMED: InstrumentSpec = {
  name: 'redis_cache_unconfirmed',
  kind: 'gauge',
  unit: '{entry}',
  description: 'Deletes that Redis has not confirmed and that wait to be replayed.',
  attributes: {},
  counts: 'Keys, tags and views to be deleted as soon as Redis can be asked; after a `set` that failed, too.',
  countsNot: 'What a process that ended has lost: `close()` tells that.',
  promql: 'max by (job, cache) (redis_cache_unconfirmed) > 0',
}

export const INVALIDATIONS: InstrumentSpec = {
  name: 'redis_cache_invalidations_total',
  kind: 'counter',
  unit: '{key}',
  description: 'Keys that the invalidation channel named: changed in Redis by any client.',
  attributes: {},
  counts:
    "Values and generations of this cache, held in memory or not; the echoes of this process's own writes included.",
  countsNot: 'A flush of everything, which names no key; leases.',
  promql: 'sum by (job, cache) (rate(redis_cache_invalidations_total[5m]))',
}

export const PROOF_AGE: InstrumentSpec = {
  name: 'redis_cache_proof_age_seconds',
  kind: 'gauge',
  unit: 's',
  description: 'Age of the last proof that memory is right: an answered PING on the invalidation channel.',
  attributes: {},
  counts:
    'The time since the PING was sent. Above `maxStaleness` memory answers only what it has itself just read or written. Where there never was a channel, the time since the cache was made.',
  countsNot: 'The age of entries: what has not changed for an hour is an hour old, and right.',
  promql: 'max by (job, cache) (redis_cache_proof_age_seconds) > 2',
}

export const BYPASSED: InstrumentSpec = {
  name: 'redis_cache_bypassed_total',
  kind: 'counter',
  unit: '{entry}',
  description: 'Entries that memory did not take, because their keys are changed more often than asked for.',
  attributes: {},
  counts: 'What was read or written and would have filled memory, had its last entries not been invalidated unread.',
  countsNot: 'What is too large, or not to be kept because its key changed meanwhile.',
  promql: 'sum by (job, cache) (rate(redis_cache_bypassed_total[5m]))',
}

/** In the order of the contract. */
export const INSTRUMENTS: readonly InstrumentSpec[] = [
  HITS,
  MISSES,
  ERRORS,
  LATENCY_MS,
  DURATION_SECONDS,
  LOAD_DURATION_SECONDS,
  COALESCED,
  STALE,
  EVICTIONS,
  BYTES,
  SKIPPED,
  MEMORY_ENTRIES,
  MEMORY_BYTES,
  CIRCUIT_STATE,
  UNCONFIRMED,
  INVALIDATIONS,
  PROOF_AGE,
  BYPASSED,
]

/**
 * Attributes of spans. There are no semantic conventions for caches yet; those that begin with `cache.` and `sentry.op`
 * are Sentry's, so that its cache view shows them.
 */
export const SPAN_ATTRIBUTE = {
  /** `get`, `put`, `remove` or `flush`. */
  operation: 'cache.operation',
  /** Whether everything that was asked for was answered from the cache. */
  hit: 'cache.hit',
  /** An array; only with `spanKey`. */
  key: 'cache.key',
  /** Encoded, in bytes. */
  itemSize: 'cache.item_size',
  /** In seconds. */
  ttl: 'cache.ttl',
  /** The operation again, as `cache.get`: what Sentry sorts spans by. */
  sentryOp: 'sentry.op',
  name: 'cache.name',
  tier: 'cache.tier',
  stale: 'cache.stale',
  missReason: 'cache.miss_reason',
  /** Of a batch: how many of its keys were looked for beyond memory. */
  batchSize: 'cache.batch_size',
  /** How Redis, or the call, failed. */
  errorType: 'error.type',
} as const

/** `node:diagnostics_channel`. Their payloads are in events.ts. */
export const CHANNEL = {
  lookup: 'otel-cache:lookup',
  operation: 'otel-cache:operation',
  load: 'otel-cache:load',
} as const
