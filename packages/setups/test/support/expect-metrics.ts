import { expect } from 'vitest'
import type { Series } from './metrics.js'
import { SECRET, type Visit } from './shop.js'

/** Section 3 of the contract: kind and unit of each metric, the same on every path. */
const METRICS: Readonly<Record<string, string>> = {
  redis_cache_hits_total: 'counter {hit}',
  redis_cache_misses_total: 'counter {miss}',
  redis_cache_errors_total: 'counter {error}',
  redis_cache_latency_ms: 'histogram',
  redis_cache_operation_duration_seconds: 'histogram s',
  redis_cache_load_duration_seconds: 'histogram s',
  redis_cache_coalesced_total: 'counter {call}',
  redis_cache_stale_total: 'counter {hit}',
  redis_cache_evictions_total: 'counter {entry}',
  redis_cache_bytes_total: 'counter By',
  redis_cache_skipped_total: 'counter {operation}',
  redis_cache_memory_entries: 'gauge {entry}',
  redis_cache_memory_bytes: 'gauge By',
  redis_cache_circuit_state: 'gauge',
  redis_cache_unconfirmed: 'gauge {entry}',
  redis_cache_invalidations_total: 'counter {key}',
  redis_cache_proof_age_seconds: 'gauge s',
}

/** Collector and Prometheus were told what the visitor saw; that both were told the same, the visit has seen to. */
export function expectMetrics({ collector, scraped, types, unavailable }: Visit): void {
  const { described, series } = collector.metrics
  expect(Object.fromEntries(described)).toMatchObject(METRICS)
  for (const [name, kind] of Object.entries(METRICS)) expect(types.get(name), name).toBe(kind.split(' ')[0])
  expect([...series.keys()].join()).not.toContain(SECRET)
  for (const told of [scraped, series]) {
    expect(counts(told)).toEqual({
      'redis_cache_hits_total{cache="sessions",tier="redis"}': 2,
      'redis_cache_hits_total{cache="products",tier="memory"}': 1,
      'redis_cache_hits_total{cache="prices",tier="redis"}': 1,
      'redis_cache_misses_total{cache="sessions",reason="absent"}': 4,
      'redis_cache_misses_total{cache="sessions",reason="unavailable"}': unavailable,
      'redis_cache_misses_total{cache="products",reason="absent"}': 5,
      'redis_cache_coalesced_total{cache="products",scope="process"}': 3,
      'redis_cache_stale_total{cache="prices",reason="revalidating"}': 1,
      'redis_cache_load_duration_seconds_count{cache="products",result="success"}': 2,
      'redis_cache_load_duration_seconds_count{cache="prices",result="success"}': 1,
      'redis_cache_errors_total{cache="sessions",error_type="timeout",operation="delete"}': 1,
      // The last of them may have found the breaker open already.
      'redis_cache_errors_total{cache="sessions",error_type="timeout",operation="get"}': unavailable - skipped(told),
      ...(skipped(told) > 0 && { [SKIPPED]: 1 }),
      ...observations('redis_cache_latency_ms', unavailable),
      ...observations('redis_cache_operation_duration_seconds', unavailable),
    })
  }
}

const SKIPPED = 'redis_cache_skipped_total{cache="sessions",operation="get"}'

function skipped(series: Series): number {
  return series.get(SKIPPED) ?? 0
}

/** What was counted, without bytes and without what the cache does of its own accord. */
function counts(series: Series): Readonly<Record<string, number>> {
  const isCount = ([id, value]: readonly [string, number]) =>
    /_(total|count)\{/.test(id) &&
    !/_bytes_total|_invalidations_total|operation="(lease|channel)"/.test(id) &&
    value > 0
  return Object.fromEntries([...series].filter(isCount))
}

function observations(name: string, unavailable: number): Readonly<Record<string, number>> {
  const calls: ReadonlyArray<readonly [cache: string, operation: string, count: number]> = [
    ['sessions', 'get', 4 + unavailable],
    ['sessions', 'set', 1],
    ['sessions', 'delete', 1],
    ['products', 'get', 5],
    ['products', 'set', 2],
    ['prices', 'get', 1],
    ['prices', 'set', 2],
  ]
  return Object.fromEntries(
    calls.map(([cache, operation, count]) => [`${name}_count{cache="${cache}",operation="${operation}"}`, count]),
  )
}
