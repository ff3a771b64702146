// An application in TypeScript that uses what is published through every entry, and ends by itself.
import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { type Cache, type CacheOptions, createCache, entry, InvalidOptionError, isCacheError } from '@otel-cache/core'
import { bytesCodec } from '@otel-cache/core/codecs/bytes'
import { structuredCodec } from '@otel-cache/core/codecs/structured'
import { createPrometheusReader, type PrometheusExporter, startPrometheusExporter } from '@otel-cache/exporter'
import { connect } from './redis.js'

interface User {
  readonly id: string
  readonly roles: readonly string[]
}

const FAMILIES: ReadonlyArray<readonly [name: string, type: string]> = [
  ['redis_cache_hits_total', 'counter'],
  ['redis_cache_misses_total', 'counter'],
  ['redis_cache_errors_total', 'counter'],
  ['redis_cache_latency_ms', 'histogram'],
  ['redis_cache_operation_duration_seconds', 'histogram'],
]

/** Of the user that `web.yml` knows. */
const CREDENTIALS = { authorization: `Basic ${Buffer.from('prometheus:secret').toString('base64')}` }

async function scrape(url: string, cache: string, headers: Record<string, string> = {}): Promise<void> {
  const text = await (await fetch(url, { headers })).text()
  for (const [name, type] of FAMILIES) match(text, new RegExp(`^# TYPE ${name} ${type}$`, 'm'))
  match(text, new RegExp(`^redis_cache_hits_total\\{.*cache="${cache}".*\\} [1-9]`, 'm'))
  match(text, new RegExp(`^redis_cache_misses_total\\{.*cache="${cache}".*\\} [1-9]`, 'm'))
  match(text, new RegExp(`^redis_cache_latency_ms_count\\{.*cache="${cache}".*\\} [1-9]`, 'm'))
}

/** The page and what it needs, of which something lies in another package's folder. */
async function look(metrics: string): Promise<void> {
  const page = await (await fetch(new URL('/', metrics))).text()
  const needed = [...page.matchAll(/(?:href|src)="(page\/[^"]+)"/g)].map(([, path]) => path ?? '')
  strictEqual(needed.length, 4)
  for (const path of needed) strictEqual((await fetch(new URL(path, metrics))).status, 200, path)
}

async function useUsers(cache: Cache): Promise<void> {
  const user: User = { id: '42', roles: ['admin'] }
  const loaded = await cache.getOrSet<User>('42', async ({ signal }) => {
    strictEqual(signal.aborted, false)
    return entry(user, { ttl: 60_000 })
  })
  deepStrictEqual(loaded, user)
  strictEqual(await cache.getOrSet('42', () => Promise.reject<User>(new Error('loaded twice'))), loaded)
  const found: User | undefined = await cache.get<User>('42')
  deepStrictEqual(found, user)
  strictEqual(await cache.delete('42'), true)
  strictEqual(await cache.get<User>('42'), undefined)
}

function refusal(): void {
  const name: unknown = 7
  try {
    createCache({ name: name as string })
  } catch (error) {
    ok(isCacheError(error) && error instanceof InvalidOptionError)
    return
  }
  throw new Error('a name that is a number was not refused')
}

async function main(): Promise<void> {
  const redis = connect()
  const exporter: PrometheusExporter = await startPrometheusExporter({ port: 0 })
  const reader = createPrometheusReader({ port: 0, webConfigFile: 'web.yml' })
  const provider = new MeterProvider({ readers: [reader] })
  const shared: Omit<CacheOptions, 'name'> = {
    keyPrefix: `${process.pid}:`,
    timeMemoryHits: true,
    // It is judged by what it does, not by how busy the machine is.
    redisTimeout: 20_000,
    ...(redis && { redis }),
  }

  const users = createCache({ ...shared, name: 'users', meterProvider: exporter.meterProvider })
  const dates = createCache({ ...shared, name: 'dates', codec: structuredCodec, meterProvider: provider })
  const images = createCache({ ...shared, name: 'images', codec: bytesCodec, meterProvider: provider })

  refusal()
  await useUsers(users)
  const since = await dates.getOrSet('since', () => new Map([['day', new Date(0)]]))
  strictEqual(since.get('day')?.getTime(), 0)
  strictEqual(await dates.get('missing'), undefined)
  deepStrictEqual(await dates.get('since'), since)
  strictEqual(await images.set('1', Uint8Array.of(1, 2, 3)), true)
  deepStrictEqual([...((await images.get<Uint8Array>('1')) ?? [])], [1, 2, 3])

  await scrape(exporter.url, 'users')
  await look(exporter.url)
  const { port } = await reader.listening
  const closed = `http://127.0.0.1:${port}/metrics`
  strictEqual((await fetch(closed)).status, 401)
  await scrape(closed, 'dates', CREDENTIALS)

  for (const cache of [users, dates, images]) await cache.close()
  await exporter.close()
  await provider.shutdown()
  await redis?.quit()
  console.log(JSON.stringify({ node: process.version }))
}

main().catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
