import { type Program, type RedisCluster, scraped, startCluster, startProgram } from '@otel-cache/test-servers'
import { afterAll, beforeAll, expect, test } from 'vitest'

let redis: RedisCluster
let program: Program

beforeAll(async () => {
  redis = await startCluster()
  const env = { OTEL_EXPORTER_PROMETHEUS_PORT: '0' }
  const args = [redis.address.map(({ host, port }) => `${host}:${port}`).join(',')]
  program = await startProgram(new URL('../dist/redis-cluster.js', import.meta.url), { args, env })
})
afterAll(async () => {
  await program?.stop()
  await redis?.stop()
})

test('finds orders on all masters, deletes them by tag, and ends', async () => {
  const [url = ''] = await program.prints(/Metrics: (\S+)\n/)
  await program.prints(/(?:holds \d+ keys\n.*){3}/)
  await program.prints(/Deleted by tag: true\n/)
  await program.prints(/hits [1-9]\d* in memory/)
  expect(await scraped(url, 'redis_cache_hits_total', { cache: 'orders' })).toBeGreaterThanOrEqual(12)
  expect(await scraped(url, 'redis_cache_misses_total', { cache: 'orders' })).toBeGreaterThanOrEqual(12)
  expect(await program.end()).toBe(0)
})
