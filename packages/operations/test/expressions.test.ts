import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cache, createCache } from '@otel-cache/core'
import { type PatternService, startPatternService } from '@otel-cache/example-pattern-service'
import { type PrometheusExporter, startPrometheusExporter } from '@otel-cache/exporter'
import {
  type FaultProxy,
  type PrometheusServer,
  type RedisServer,
  type Sample,
  startFaultProxy,
  startPrometheus,
  startRedis,
} from '@otel-cache/test-servers'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { alertingRules, dashboard, guideExpressions, panelExpressions, recordingRules, rulesText } from './files.js'

/** Prometheus with the rules of docs/monitoring, which scrapes the demo's service, and `shop`, to which bad things happen. */
let redis: RedisServer
let proxy: FaultProxy
let prometheus: PrometheusServer
let demo: PatternService
let shop: PrometheusExporter
const clients: Redis[] = []
const caches: Cache[] = []
const folder = mkdtempSync(join(tmpdir(), 'otel-cache-operations-'))

beforeAll(async () => {
  redis = await startRedis()
  proxy = await startFaultProxy({ target: redis })
  demo = await startPatternService({ port: 0, metricsPort: 0, redis: connect(redis.url) })
  shop = await startPrometheusExporter({ port: 0 })
  const common = { redis: connect(proxy.url), meterProvider: shop.meterProvider }
  caches.push(createCache({ name: 'carts', ...common, memory: false }))
  caches.push(createCache({ name: 'prices', ...common, ttl: 50, staleIfError: 600_000 }))
  // A rate needs a sample from before: what is counted here is the first one.
  await traffic('wh*le')
  prometheus = await startPrometheus({ config: prometheusConfig() })
  await vi.waitFor(async () => expect(await series('group by (job) (redis_cache_hits_total)')).toHaveLength(2), LONG)
  await traffic('m?n')
}, 60_000)

afterAll(async () => {
  await prometheus?.stop()
  proxy?.heal()
  await Promise.all([...caches.map((cache) => cache.close()), demo?.close(), shop?.close()])
  for (const client of clients) client.disconnect()
  await proxy?.stop()
  await redis?.stop()
  rmSync(folder, { recursive: true })
})

const LONG = { timeout: 20_000, interval: 100 }

/** The rules as they are, but that nobody waits for minutes. */
function prometheusConfig(): string {
  const rules = rulesText
    .replaceAll(/for: \d+m/g, 'for: 0s')
    .replace('proof_age_seconds) > 30', 'proof_age_seconds) > 3')
  writeFileSync(join(folder, 'rules.yml'), rules)
  const job = (name: string, url: string) =>
    `  - { job_name: ${name}, static_configs: [{ targets: ["${new URL(url).host}"] }] }`
  return [
    'global: { scrape_interval: 250ms, evaluation_interval: 250ms }',
    `rule_files: ["${join(folder, 'rules.yml')}"]`,
    'scrape_configs:',
    job('demo', demo.metricsUrl),
    job('shop', shop.url),
  ].join('\n')
}

function connect(url: string): Redis {
  const client = new Redis(url)
  clients.push(client.on('error', () => {}))
  return client
}

/** One miss and many hits of each cache. */
async function traffic(word: string): Promise<void> {
  for (let request = 0; request < 40; request++) {
    const response = await fetch(`${demo.url}/patterns?q=${word}`)
    expect(response.status, await response.text()).toBe(200)
    for (const cache of caches) await cache.getOrSet(word, () => word, { ttl: 600_000 })
  }
}

function series(expression: string): Promise<Sample[]> {
  return prometheus.query(expression)
}

/** Those that tell a number. */
async function numbers(expression: string): Promise<Sample[]> {
  return (await series(expression)).filter(({ value }) => Number.isFinite(value))
}

/** As Grafana puts the values of the variables in. */
function chosen(expression: string): string {
  return expression.replaceAll('$job', 'demo').replaceAll('$cache', '.+').replaceAll('$__rate_interval', '5m')
}

test.each(panelExpressions)('%s has data of the demo: %s', async (_, expression) => {
  await vi.waitFor(async () => expect(await numbers(chosen(expression)), expression).not.toEqual([]), LONG)
})

test('the variables have values', async () => {
  const queries = dashboard.templating?.list?.flatMap(({ query }) => (query === 'prometheus' ? [] : [String(query)]))
  expect(queries).toHaveLength(2)
  for (const query of queries ?? []) {
    const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? []
    const values = await series(`group by (${label}) (${chosen(selector ?? '')})`)
    expect(values.map(({ labels }) => labels[label ?? ''])).toContain(label === 'job' ? 'demo' : 'patterns')
  }
})

test.each(recordingRules)('$record has data of both', async ({ record, expr }) => {
  const jobs = async (expression: string) => new Set((await numbers(expression)).map(({ labels }) => labels['job']))
  await vi.waitFor(async () => expect(await jobs(expr)).toEqual(new Set(['demo', 'shop'])), LONG)
  await vi.waitFor(async () => expect(await jobs(record)).toEqual(new Set(['demo', 'shop'])), LONG)
})

test.each(guideExpressions.map((expression) => [expression]))('the guide has data: %s', async (expression) => {
  await vi.waitFor(async () => expect(await numbers(expression)).not.toEqual([]), LONG)
})

test('nothing fires while all is well', async () => {
  expect(await series('ALERTS{job="shop"}')).toEqual([])
})

test('every alert fires in an outage', async () => {
  const [carts, prices] = caches as [Cache, Cache]
  const keys = Array.from({ length: 10 }, (_, key) => `key ${key}`)
  for (const key of keys) await prices.set(key, key)
  proxy.set({ kind: 'black-hole' })
  const broken = () => Promise.reject(new Error('the origin is broken'))
  const expected = alertingRules.map(({ alert }) => alert).filter((alert) => alert !== 'OtelCacheTargetDown')
  await vi.waitFor(async () => {
    await carts.delete('key')
    await Promise.allSettled(keys.flatMap((key) => caches.map((cache) => cache.getOrSet(key, broken))))
    expect(await fired()).toEqual(expected.sort())
  }, LONG)
  await shop.close()
  await vi.waitFor(async () => expect(await fired()).toContain('OtelCacheTargetDown'), LONG)
})

/** The alerts that have been firing. */
async function fired(): Promise<unknown[]> {
  const alerts = await series('group by (alertname) (last_over_time(ALERTS{job="shop", alertstate="firing"}[5m]))')
  return alerts.map(({ labels }) => labels['alertname']).sort()
}
