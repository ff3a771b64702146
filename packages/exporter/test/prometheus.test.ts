import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { type Cache, createCache } from '@otel-cache/core'
import { type PrometheusServer, type RedisServer, startPrometheus, startRedis } from '@otel-cache/test-servers'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type PrometheusExporter, startPrometheusExporter } from '../src/index.js'
import { quantile } from '../src/page/quantile.js'
import { parseNumber, parseSamples } from '../src/page/samples.js'
import { ask } from './helpers.js'

const docs = new URL('../../../docs/', import.meta.url)
const configFile = new URL('monitoring/prometheus.yml', docs)
const configText = readFileSync(configFile, 'utf8')
const page = readFileSync(new URL('monitoring.md', docs), 'utf8')
const [hitRatio, quantileSeconds, quantileMs] = fenced('promql') as [string, string, string]

/** The contents of the page's code blocks in one language. */
function fenced(language: string): string[] {
  return Array.from(page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms')), (block) => block[1] ?? '')
}

/** The documented configuration, with another port and without the wait of 15 seconds. */
function configFor(port: number): string {
  const config = configText.replace('127.0.0.1:9464', `127.0.0.1:${port}`).replace('15s', '250ms')
  expect(config).toContain(`["127.0.0.1:${port}"]`)
  expect(config).toContain('scrape_interval: 250ms')
  return config
}

let redis: RedisServer
let client: Redis
let exporter: PrometheusExporter
let prometheus: PrometheusServer
/** One cache with memory in front of Redis, and one without. */
let patterns: Cache
let sessions: Cache

beforeAll(async () => {
  ;[redis, exporter] = await Promise.all([startRedis(), startPrometheusExporter({ port: 0 })])
  client = new Redis(redis.url)
  // Generous limits: on a machine that is busy with other tests the counts are to be the same.
  const common = { redis: client, meterProvider: exporter.meterProvider, redisTimeout: 10_000, maxStaleness: 60_000 }
  patterns = createCache({ name: 'patterns', ...common })
  sessions = createCache({ name: 'sessions', ...common, memory: false })
  prometheus = await startPrometheus({ config: configFor(exporter.address().port) })
  // A rate needs a sample from before the traffic: first the zeros are scraped, then a little, then the rest.
  await scraped(0, 0)
  await look(patterns, 10)
  await look(sessions, 5)
  await scraped(0, 15)
  for (let round = 0; round < 9; round++) await look(patterns, 10)
  for (let round = 0; round < 3; round++) await look(sessions, 5)
  await sessions.get('absent')
  await scraped(105, 16)
}, 60_000)

afterAll(async () => {
  await Promise.all([patterns?.close(), sessions?.close()])
  client?.disconnect()
  await Promise.all([prometheus?.stop(), exporter?.close(), redis?.stop()])
})

/** Looks up so many keys, each of which a loader provides where it is missing. */
async function look(cache: Cache, keys: number): Promise<void> {
  for (let key = 0; key < keys; key++) await cache.getOrSet(`key ${key}`, () => ({ key }))
}

/** Waits until Prometheus has scraped these totals of both caches. */
async function scraped(hits: number, misses: number): Promise<void> {
  const wait = { timeout: 30_000, interval: 100 }
  await vi.waitFor(async () => {
    expect(await values('sum(redis_cache_hits_total)')).toEqual([hits])
    expect(await values('sum(redis_cache_misses_total)')).toEqual([misses])
  }, wait)
}

async function values(expression: string): Promise<number[]> {
  return (await prometheus.query(expression)).map((sample) => sample.value)
}

test('the page shows the configuration file', () => {
  expect(fenced('yaml')).toEqual([configText])
  execFileSync('promtool', ['check', 'config', configFile.pathname])
})

test('the target is up', async () => {
  expect(await prometheus.query('up')).toEqual([
    {
      labels: { __name__: 'up', job: 'otel-cache', instance: `127.0.0.1:${exporter.address().port}` },
      value: 1,
    },
  ])
})

describe('the five families', () => {
  const operations = ['get', 'set', 'delete', 'clear', 'lease', 'channel']
  const errorTypes = ['timeout', 'connection', 'auth', 'readonly', 'oom', 'loading', 'cluster', 'undecodable', 'other']
  const histogram = { operation: operations, le: undefined }
  // Each label of a family, and what it may say; undefined: anything.
  const families = {
    redis_cache_hits_total: { tier: ['memory', 'redis'] },
    redis_cache_misses_total: { reason: ['absent', 'expired', 'unavailable', 'undecodable'] },
    redis_cache_errors_total: { operation: operations, error_type: errorTypes },
    redis_cache_latency_ms_bucket: histogram,
    redis_cache_operation_duration_seconds_bucket: histogram,
  }
  const everywhere = ['__name__', 'cache', 'instance', 'job', 'otel_scope_name', 'otel_scope_version']

  test.each(Object.entries(families))('%s is there, with the labels of the contract', async (family, own) => {
    const series = await prometheus.query(family)
    expect(new Set(series.map(({ labels: { cache } }) => cache))).toEqual(new Set(['patterns', 'sessions']))
    for (const { labels } of series) {
      expect(Object.keys(labels).sort()).toEqual([...everywhere, ...Object.keys(own)].sort())
      expect(labels).toMatchObject({ job: 'otel-cache', otel_scope_name: '@otel-cache/core' })
      for (const [label, allowed] of Object.entries(own)) if (allowed) expect(allowed).toContain(labels[label])
    }
  })

  test('have types and help texts', async () => {
    const { body } = await ask(exporter.url)
    for (const family of Object.keys(families)) {
      const name = family.replace('_bucket', '')
      expect(body).toMatch(new RegExp(`^# HELP ${name} (?!description missing)\\S`, 'm'))
      expect(body).toContain(`# TYPE ${name} ${name === family ? 'counter' : 'histogram'}\n`)
    }
  })
})

describe('what was served', () => {
  test.each([
    ['sum(redis_cache_hits_total{cache="patterns", tier="memory"})', 90],
    ['sum(redis_cache_hits_total{cache="patterns", tier="redis"})', 0],
    ['sum(redis_cache_hits_total{cache="sessions"})', 15],
    ['redis_cache_hits_total{cache="sessions", tier="redis"}', 15],
    ['redis_cache_misses_total{cache="patterns", reason="absent"}', 10],
    ['redis_cache_misses_total{cache="sessions", reason="absent"}', 6],
    ['sum(redis_cache_errors_total)', 0],
    ['redis_cache_latency_ms_count{cache="patterns", operation="get"}', 10],
    ['redis_cache_latency_ms_count{cache="patterns", operation="set"}', 10],
    ['redis_cache_latency_ms_count{cache="sessions", operation="get"}', 21],
    ['redis_cache_operation_duration_seconds_count{cache="sessions", operation="get"}', 21],
    ['redis_cache_operation_duration_seconds_count{cache="sessions", operation="set"}', 5],
  ])('%s is %d', async (expression, expected) => {
    expect(await values(expression)).toEqual([expected])
  })

  test.each([
    ['patterns', 90 / 100],
    ['sessions', 15 / 21],
  ])('the documented hit ratio of %s is %d', async (cache, expected) => {
    const labels = { cache, job: 'otel-cache' }
    const ratios = await prometheus.query(hitRatio)
    expect(ratios).toHaveLength(2)
    expect(ratios).toContainEqual({ labels, value: expect.closeTo(expected, 9) })
  })

  test.each([
    ['redis_cache_operation_duration_seconds', quantileSeconds, 1],
    ['redis_cache_latency_ms', quantileMs, 1_000],
  ])('the documented quantile over %s answers', async (family, expression, perSecond) => {
    expect(expression).toContain(`${family}_bucket`)
    const labels = { cache: 'sessions', job: 'otel-cache', operation: 'get' }
    const answers = await prometheus.query(expression)
    expect(answers).toContainEqual({ labels, value: expect.any(Number) })
    const answer = answers.find((sample) => isDeepStrictEqual(sample.labels, labels))
    expect(answer?.value).toBeGreaterThan(0)
    expect(answer?.value).toBeLessThan(perSecond)
  })
})

describe('the page of the port', () => {
  test.each([0.5, 0.95, 0.99])('estimates quantile %d as Prometheus does', async (q) => {
    const family = 'redis_cache_operation_duration_seconds_bucket'
    const { body } = await ask(exporter.url)
    const samples = parseSamples(body, family).filter(
      ({ labels }) => labels.get('cache') === 'sessions' && labels.get('operation') === 'get',
    )
    const buckets = new Map(samples.map(({ labels, value }) => [parseNumber(labels.get('le') ?? ''), value]))
    const [expected] = await values(
      `histogram_quantile(${q}, sum by (le) (${family}{cache="sessions", operation="get"}))`,
    )
    expect(expected).toBeGreaterThan(0)
    expect(quantile(q, buckets)).toBeCloseTo(expected as number, 12)
  })
})

describe('the reference', () => {
  const text = readFileSync(new URL('metrics.md', docs), 'utf8')
  const sections = [...text.matchAll(/^### (\w+)$[\s\S]*?```promql\n(.*)\n```/gm)].map(([, name, promql]) => [
    name,
    promql,
  ])

  test.each(sections as Array<[string, string]>)(
    '%s is on the page, and its expression is understood',
    async (name, promql) => {
      const { body } = await ask(exporter.url)
      expect(promql).toContain(name)
      expect(body).toContain(`# TYPE ${name} `)
      await prometheus.query(promql)
    },
  )

  test('has every family that is on the page', async () => {
    const { body } = await ask(exporter.url)
    const families = [...body.matchAll(/^# TYPE (redis_cache_\w+) /gm)].map(([, name]) => name)
    expect(sections.map(([name]) => name).sort()).toEqual(families.sort())
  })
})

test('promtool objects to the abbreviated unit of redis_cache_latency_ms and to nothing else', async () => {
  const { body } = await ask(exporter.url)
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' })
  const lines = (stdout + stderr).split('\n').filter((line) => line !== '')
  expect(lines).not.toEqual([])
  for (const line of lines) expect(line).toMatch(/^redis_cache_latency_ms /)
  expect(status).toBe(3)
})
