import { type Program, type RedisServer, scraped, startProgram, startRedis } from '@otel-cache/test-servers'
import { afterAll, beforeAll, expect, test } from 'vitest'

let redis: RedisServer
let program: Program

beforeAll(async () => {
  redis = await startRedis()
  const env = { REDIS_URL: redis.url, OTEL_EXPORTER_PROMETHEUS_PORT: '0' }
  program = await startProgram(new URL('../dist/fleet.js', import.meta.url), { env })
})
afterAll(async () => {
  await program?.stop()
  await redis?.stop()
})

test('three members see what the fourth writes, and all end together', async () => {
  const [url = ''] = await program.prints(/Metrics: (\S+)\n/)
  const shown = await program.prints(
    /Write 3: the others saw it after ([\d.]+), ([\d.]+), ([\d.]+) ms; oldest proof (\d+) ms\n/,
  )
  for (const milliseconds of shown) expect(Number(milliseconds)).toBeGreaterThanOrEqual(0)
  // Added up over the members.
  expect(await scraped(url, 'redis_cache_hits_total', { cache: 'fleet', tier: 'memory' })).toBeGreaterThan(0)
  expect(await scraped(url, 'redis_cache_invalidations_total', { cache: 'fleet' })).toBeGreaterThanOrEqual(3 * 3)

  expect(await program.end()).toBe(0)
  await program.prints(/\d+ sightings: median [\d.]+ ms, longest [\d.]+ ms\n/)
})
