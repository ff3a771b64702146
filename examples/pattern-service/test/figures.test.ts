import { describe, expect, test } from 'vitest'
import { findProblems, toFigures } from '../src/demo/figures.js'
import { patterns } from '../src/demo/patterns.js'
import { percentiles } from '../src/demo/percentiles.js'
import { report } from '../src/demo/report.js'
import { parseSamples } from '../src/demo/scrape.js'

const SCRAPE = `
redis_cache_hits_total{cache="patterns",tier="memory"} 990
redis_cache_hits_total{cache="patterns",tier="redis",otel_scope_name="x",otel_scope_version="1"} 10
redis_cache_misses_total{cache="patterns",reason="absent"} 50
redis_cache_misses_total{cache="patterns",reason="expired"} 0
redis_cache_errors_total{cache="patterns",operation="get",error_type="timeout"} 0
redis_cache_errors_total{cache="patterns",operation="set",error_type="timeout"} 0
redis_cache_latency_ms_bucket{cache="patterns",operation="get",le="+Inf"} 60
redis_cache_latency_ms_sum{cache="patterns",operation="get"} 12.5
redis_cache_latency_ms_count{cache="patterns",operation="get"} 60
redis_cache_operation_duration_seconds_sum{cache="patterns",operation="get"} 0.0125
redis_cache_operation_duration_seconds_count{cache="patterns",operation="get"} 60
`
const timings = { before: Array(50).fill(200), after: Array(1000).fill(0.5) }

const figuresOf = (text: string) => toFigures('redis', timings, parseSamples(text))

test('there are 50 patterns, no two the same', () => {
  expect(new Set(patterns).size).toBe(50)
})

test('percentiles are figures that were measured', () => {
  const values = Array.from({ length: 1000 }, (_, index) => 1000 - index)
  expect(percentiles(values)).toEqual({ p50: 500, p95: 950, p99: 990 })
  expect(percentiles([0.12345])).toEqual({ p50: 0.123, p95: 0.123, p99: 0.123 })
})

test('the figures are sums over the labels of what was scraped', () => {
  expect(figuresOf(SCRAPE)).toEqual({
    ...{ store: 'redis', requests: 1000, patterns: 50, hits: 1000, misses: 50, errors: 0 },
    before: { p50: 200, p95: 200, p99: 200 },
    after: { p50: 0.5, p95: 0.5, p99: 0.5 },
    families: [
      'redis_cache_hits_total',
      'redis_cache_misses_total',
      'redis_cache_errors_total',
      'redis_cache_latency_ms',
      'redis_cache_operation_duration_seconds',
    ],
  })
})

describe('what is wrong is said', () => {
  test('nothing', () => {
    expect(findProblems(figuresOf(SCRAPE))).toEqual([])
  })

  test('a missing family and wrong counts', () => {
    const text = SCRAPE.replace(/.*_latency_ms.*\n/g, '')
      .replace('990', '989')
      .replace('} 50', '} 51')
    const problems = ['the metric redis_cache_latency_ms is missing', 'expected 50 misses, got 51']
    expect(findProblems(figuresOf(text))).toEqual([...problems, 'expected 1000 hits, got 999'])
    expect(report(figuresOf(text), parseSamples(text))).toContain('WRONG: expected 50 misses, got 51')
  })
})

test('the report shows what counted, without buckets, and names what is 0', () => {
  const lines = report(figuresOf(SCRAPE), parseSamples(SCRAPE)).split('\n')
  expect(lines).toContain('speed-up                            400x        400x        400x')
  expect(lines).toContain('Hit ratio 95.2 %: 1,000 hits, 50 misses, 0 errors')
  expect(lines).toContain('  redis_cache_hits_total{cache="patterns",tier="redis"} 10')
  expect(lines).toContain('  # and 1 more of redis_cache_misses_total, all 0')
  expect(lines).toContain('  redis_cache_errors_total{cache="patterns",operation="get",error_type="timeout"} 0')
  expect(lines.join('\n')).not.toContain('_bucket')
})
