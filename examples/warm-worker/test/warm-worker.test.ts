import { type Program, type RedisServer, scraped, startProgram, startRedis } from '@otel-cache/test-servers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

let redis: RedisServer
const programs: Program[] = []

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop()))
  await redis?.stop()
})

async function run(name: string): Promise<Program> {
  const env = { REDIS_URL: redis.url, PORT: '0', OTEL_EXPORTER_PROMETHEUS_PORT: '0' }
  const program = await startProgram(new URL(`../dist/${name}.js`, import.meta.url), { env })
  programs.push(program)
  return program
}

test.concurrent('a worker that is stopped says how far it came, the next one does the rest, and the service finds it', async () => {
  const first = await run('warm')
  await first.prints(/250 of 5000\n/)
  expect(await first.end()).toBe(0)
  const [done, loaded] = await first.prints(/Stopped: (\d+) of 5000, (\d+) loaded, 0 were there, 0 errors\n/)
  expect(loaded).toBe(done)

  const second = await run('warm')
  expect(await second.exits(20_000)).toBe(0)
  await second.prints(
    new RegExp(`Warm: 5000 of 5000, ${5000 - Number(loaded)} loaded, ${loaded} were there, 0 errors\n`),
  )

  const service = await run('service')
  const [metrics = ''] = await service.prints(/Metrics: (\S+)\n/)
  const [url = ''] = await service.prints(/Articles: (\S+)\n/)
  const articles = ['1', '2', '3'].map((id) => ({ id, title: `Article ${id}` }))
  // Another time, should Redis have been too slow on a busy machine to answer the first.
  await vi.waitFor(async () => {
    expect(await (await fetch(url)).json()).toEqual(articles)
    expect(await scraped(metrics, 'redis_cache_hits_total', { cache: 'articles' })).toBeGreaterThanOrEqual(3)
  }, 10_000)
  expect(await scraped(metrics, 'redis_cache_misses_total', { cache: 'articles', reason: 'absent' })).toBe(0)
  expect((await fetch(new URL('/x', url))).status).toBe(404)
  expect((await fetch(new URL(`/${'1'.repeat(600)}`, url))).status).toBe(500)
  expect(await service.end()).toBe(0)
})

test.concurrent('a worker without a Redis fails, and says why', async () => {
  const worker = await startProgram(new URL('../dist/warm.js', import.meta.url), {
    env: { REDIS_URL: 'redis://127.0.0.1:1' },
  })
  programs.push(worker)
  await worker.prints(/Redis: .*ECONNREFUSED/)
  expect(await worker.exits(20_000)).toBe(1)
})
