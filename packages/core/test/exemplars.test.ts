import type { Attributes } from '@opentelemetry/api'
import { describe, expect, test } from 'vitest'
import { freshName, makeCache } from './support/caches.js'
import { makeProvider } from './support/metrics.js'
import { useTraces } from './support/traces.js'

interface Exemplar {
  value: number
  traceId: string
  spanId: string
  timestamp: number
}

const traces = useTraces()

/** What an exporter finds for each series of a histogram. */
function exemplarsOf(metric: string, series: readonly Attributes[]): Exemplar[] {
  const registry = (globalThis as Record<symbol, unknown>)[Symbol.for('otel-cache.exemplars')] as
    | WeakMap<Attributes, (metric: string) => Iterable<Exemplar> | undefined>
    | undefined
  return series.flatMap((attributes) => Array.from(registry?.get(attributes)?.(metric) ?? []))
}

async function setUp() {
  const { provider, cumulative: reader } = makeProvider()
  const cache = makeCache({ name: freshName(), meterProvider: provider })
  const exemplars = async (metric: string) => {
    const points = (await reader.read()).points(metric)
    return exemplarsOf(
      metric,
      points.map(({ attributes }) => attributes),
    )
  }
  return { cache, exemplars }
}

const HISTOGRAMS = [
  'redis_cache_latency_ms',
  'redis_cache_operation_duration_seconds',
  'redis_cache_load_duration_seconds',
]

describe('the last sampled measurement of a bucket', () => {
  test.each(HISTOGRAMS)('of %s is found by the attributes of its series', async (metric) => {
    const { cache, exemplars } = await setUp()
    let traceId: string | undefined
    await traces.request('first', () => cache.getOrSet('a', () => 1))
    await traces.request('second', async (span) => {
      traceId = span.spanContext().traceId
      await cache.getOrSet('b', () => 1)
    })
    const found = await exemplars(metric)
    expect(found.map((exemplar) => exemplar.traceId)).toContain(traceId)
    for (const { value, spanId, timestamp } of found) {
      expect(value).toBeGreaterThanOrEqual(0)
      expect(spanId).toMatch(/^[0-9a-f]{16}$/)
      expect(Math.abs(Date.now() - timestamp)).toBeLessThan(60_000)
    }
  })

  test.each(HISTOGRAMS)('of %s is not there without a trace', async (metric) => {
    const { cache, exemplars } = await setUp()
    await cache.getOrSet('a', () => 1)
    expect(await exemplars(metric)).toEqual([])
  })
})
