import { type Program, type RedisServer, scraped, startProgram, startRedis } from '@otel-cache/test-servers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

let redis: RedisServer
let program: Program

beforeAll(async () => {
  redis = await startRedis()
  const env = { REDIS_URL: redis.url, PORT: '0', OTEL_EXPORTER_PROMETHEUS_PORT: '0', OTEL_TRACES_EXPORTER: 'console' }
  const nodeArgs = ['--import', new URL('../dist/instrumentation.js', import.meta.url).href]
  program = await startProgram(new URL('../dist/service.js', import.meta.url), { env, nodeArgs })
})
afterAll(async () => {
  await program?.stop()
  await redis?.stop()
})

test('serves forecasts from the cache, in the metrics and the traces of the application, and ends', async () => {
  const [metrics = ''] = await program.prints(/Metrics: (\S+)\n/)
  const [url = ''] = await program.prints(/Forecasts: (\S+)\n/)
  // Another time, should Redis have been too slow on a busy machine to take the first.
  await vi.waitFor(async () => {
    expect(await (await fetch(url)).json()).toEqual({ city: 'Oslo', celsius: 4 })
    expect(await scraped(metrics, 'redis_cache_hits_total', { cache: 'forecasts' })).toBeGreaterThan(0)
  }, 10_000)
  expect(await scraped(metrics, 'redis_cache_misses_total', { cache: 'forecasts' })).toBeGreaterThan(0)
  expect(await scraped(metrics, 'target_info', { service_name: 'weather' })).toBe(1)

  expect((await fetch(new URL(`/${'x'.repeat(600)}`, url))).status).toBe(500)

  expect(await program.end()).toBe(0)
  // The span of the cache has a parent, which is that of the request.
  expect(program.output).toMatch(/parentSpanContext: \{[^}]*\},\s+traceState: undefined,\s+name: 'cache.get forecasts'/)
})
