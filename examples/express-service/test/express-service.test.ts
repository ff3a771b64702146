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

test('serves products from the cache, discounts a category, and ends', async () => {
  const [url = ''] = await program.prints(/Products: (\S+)\n/)
  const metrics = new URL('/metrics', url).href
  // Another time, should Redis have been too slow on a busy machine to take the first.
  await vi.waitFor(async () => {
    expect(await (await fetch(url)).json()).toEqual({ category: 'tea', id: '1', cents: 400 })
    expect(await scraped(metrics, 'redis_cache_hits_total', { cache: 'products' })).toBeGreaterThan(0)
  }, 10_000)
  expect(await scraped(metrics, 'redis_cache_misses_total', { cache: 'products' })).toBeGreaterThan(0)

  const discount = await fetch(new URL('/categories/tea/discount', url), { method: 'POST' })
  expect(await discount.json()).toEqual({ confirmed: discount.status === 200 })
  expect(await (await fetch(url)).json()).toMatchObject({ cents: 360 })
  expect((await fetch(new URL('/products/tea/9', url))).status).toBe(404)

  expect(await program.end()).toBe(0)
})
