import { type Program, type RedisServer, scraped, startProgram, startRedis } from '@otel-cache/test-servers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

let redis: RedisServer
let program: Program

beforeAll(async () => {
  redis = await startRedis()
  const env = { REDIS_URL: redis.url, PORT: '0', OTEL_EXPORTER_PROMETHEUS_PORT: '0' }
  program = await startProgram(new URL('../dist/main.js', import.meta.url), { env })
})
afterAll(async () => {
  await program?.stop()
  await redis?.stop()
})

test('serves users from the cache, renames one, and ends', async () => {
  const [metrics = ''] = await program.prints(/Metrics: (\S+)\n/)
  const [url = ''] = await program.prints(/Users: (\S+)\n/)
  // Another time, should Redis have been too slow on a busy machine to take the first.
  await vi.waitFor(async () => {
    expect(await (await fetch(url)).json()).toEqual({ id: '42', name: 'Ada' })
    expect(await scraped(metrics, 'redis_cache_hits_total', { cache: 'users' })).toBeGreaterThan(0)
  }, 10_000)
  expect(await scraped(metrics, 'redis_cache_misses_total', { cache: 'users' })).toBeGreaterThan(0)

  const headers = { 'content-type': 'application/json' }
  const put = await fetch(`${url}/name`, { method: 'PUT', headers, body: '{ "name": "Grace" }' })
  expect(await put.json()).toEqual({ confirmed: expect.any(Boolean) })
  expect(await (await fetch(url)).json()).toEqual({ id: '42', name: 'Grace' })
  expect((await fetch(`${url}/name`, { method: 'PUT', headers, body: '{}' })).status).toBe(400)
  expect((await fetch(new URL('/users/43', url))).status).toBe(404)

  expect(await program.end()).toBe(0)
})
