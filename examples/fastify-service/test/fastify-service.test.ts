import { type Program, type RedisServer, scraped, startProgram, startRedis } from '@otel-cache/test-servers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

let redis: RedisServer
let program: Program

beforeAll(async () => {
  redis = await startRedis()
  const env = { REDIS_URL: redis.url, PORT: '0' }
  program = await startProgram(new URL('../dist/service.js', import.meta.url), { env })
})
afterAll(async () => {
  await program?.stop()
  await redis?.stop()
})

test('serves prices in batches from the cache, changes one, and ends', async () => {
  const [url = ''] = await program.prints(/Prices: (\S+)\n/)
  const metrics = new URL('/metrics', url).href
  // Another time, should Redis have been too slow on a busy machine to take the first.
  await vi.waitFor(async () => {
    expect(await (await fetch(url)).json()).toEqual({ tea: 400, cup: 900 })
    expect(await scraped(metrics, 'redis_cache_hits_total', { cache: 'prices' })).toBeGreaterThan(1)
  }, 10_000)
  expect(await scraped(metrics, 'redis_cache_misses_total', { cache: 'prices' })).toBeGreaterThan(1)

  const headers = { 'content-type': 'application/json' }
  const put = await fetch(new URL('/prices/tea', url), { method: 'PUT', headers, body: '{ "cents": 410 }' })
  expect(await put.json()).toEqual({ confirmed: put.status === 200 })
  const prices = await fetch(new URL('/prices?ids=tea,cup,jar', url))
  expect(await prices.json()).toEqual({ tea: 410, cup: 900, jar: null })
  for (const query of ['', '?ids=', '?ids=tea,,cup']) {
    expect((await fetch(new URL(`/prices${query}`, url))).status).toBe(400)
  }

  expect(await program.end()).toBe(0)
})
