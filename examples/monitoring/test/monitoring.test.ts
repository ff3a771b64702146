import { existsSync, readFileSync } from 'node:fs'
import { onFreePort, type Program, type RedisServer, startProgram, startRedis } from '@otel-cache/test-servers'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { parse } from 'yaml'

const documented = new URL('../../../docs/monitoring/prometheus.yml', import.meta.url)

let redis: RedisServer
let program: Program
let prometheus: string

beforeAll(async () => {
  redis = await startRedis()
  await onFreePort(async (port) => {
    await program?.stop()
    const env = {
      ...{ REDIS_URL: redis.url, PORT: '0', OTEL_EXPORTER_PROMETHEUS_PORT: '0' },
      PROMETHEUS_PORT: String(port),
    }
    program = await startProgram(new URL('../dist/monitoring.js', import.meta.url), { env })
    ;[prometheus = ''] = await program.prints(/Prometheus: (\S+)\n/)
  })
})
afterAll(async () => {
  await program?.stop()
  await redis?.stop()
})

async function ask(path: string): Promise<{ data: Record<string, unknown[]> }> {
  return (await fetch(new URL(path, prometheus))).json() as never
}

test('Prometheus scrapes the service under traffic and has the rules, and all end together', async () => {
  await vi.waitFor(async () => {
    const query = new URLSearchParams({ query: 'sum by (job) (redis_cache_hits_total{cache="forecasts"}) > 0' })
    const { data } = await ask(`/api/v1/query?${query}`)
    expect(data['result']).toEqual([{ metric: { job: 'otel-cache' }, value: expect.anything() }])
  }, 20_000)

  const { rule_files = [] } = parse(readFileSync(documented, 'utf8')) as { rule_files?: string[] }
  for (const file of rule_files) expect(existsSync(new URL(file, documented)), file).toBe(true)
  expect((await ask('/api/v1/rules')).data['groups']?.length ?? 0).toBeGreaterThanOrEqual(rule_files.length)

  await program.prints(/Hit ratio: \S+\n/)
  expect(await program.end(15_000)).toBe(0)
  await expect(fetch(prometheus)).rejects.toThrow()
})
