import { type Program, type RedisServer, scraped, startProgram, startRedis } from '@otel-cache/test-servers'
import { afterAll, beforeAll, expect, test } from 'vitest'

let redis: RedisServer
let program: Program

beforeAll(async () => {
  redis = await startRedis()
  const env = { REDIS_URL: redis.url, OTEL_EXPORTER_PROMETHEUS_PORT: '0' }
  program = await startProgram(new URL('../dist/quick-start.js', import.meta.url), { env })
})
afterAll(async () => {
  await program?.stop()
  await redis?.stop()
})

test('prints a miss, a hit and where to look, and ends', async () => {
  const [url = ''] = await program.prints(/Metrics: (\S+)\n/)
  await program.prints(/Ada: hits 0 in memory, 0 in Redis; misses 1\n/)
  await program.prints(/Ada: hits [1-9]\d* in memory/)
  expect(await scraped(url, 'redis_cache_hits_total', { cache: 'users', tier: 'memory' })).toBeGreaterThan(0)
  expect(await scraped(url, 'redis_cache_misses_total', { cache: 'users' })).toBeGreaterThan(0)
  expect(await redis.command('EXISTS', 'users:v:{42}')).toBe(1)
  expect(await program.end()).toBe(0)
})
