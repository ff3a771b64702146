import { startRedis } from '@otel-cache/test-servers'
import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { DemoProcess } from './demo-process.js'

/** A run searches the whole corpus 50 times, beside the other tests. */
const TIMEOUT = 120_000

const FAMILIES = [
  'redis_cache_hits_total',
  'redis_cache_misses_total',
  'redis_cache_errors_total',
  'redis_cache_latency_ms',
  'redis_cache_operation_duration_seconds',
]

function expectFigures(stdout: string, store: string): void {
  const figures = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
  const latencies = { p50: expect.any(Number), p95: expect.any(Number), p99: expect.any(Number) }
  expect(figures).toEqual({
    ...{ store, requests: 1000, patterns: 50, hits: 1000, misses: 50, errors: 0 },
    ...{ before: latencies, after: latencies, families: FAMILIES },
  })
  expect(figures.before.p50).toBeGreaterThan(figures.after.p50)
}

describe('a run', { timeout: TIMEOUT }, () => {
  test('over memory, where REDIS_URL does not answer', async () => {
    const demo = new DemoProcess(['--once', '--json'])
    expect(await demo.exit(), demo.stderr).toBe(0)
    expectFigures(demo.stdout, 'memory')
    expect(demo.stdout.split('\n')).toHaveLength(2)
    expect(demo.stderr).toContain('memory only (REDIS_URL is set, but no Redis answers at 127.0.0.1:1: ')
    expect(demo.stderr).not.toContain('secret')
  })

  test('over a real Redis, which it leaves clean', async () => {
    const server = await startRedis()
    const redis = new Redis(server.url)
    try {
      await redis.set('patterns:of-somebody-else', 'stays')
      const demo = new DemoProcess(['--once', '--json'], { REDIS_URL: server.url })
      expect(await demo.exit(), demo.stderr).toBe(0)
      expectFigures(demo.stdout, 'redis')
      expect(demo.stderr).toContain(`Redis at 127.0.0.1:${server.port}, keys under patterns:`)
      expect(await redis.keys('*')).toEqual(['patterns:of-somebody-else'])
    } finally {
      redis.disconnect()
      await server.stop()
    }
  })

  test('keeps serving afterwards, until Ctrl-C', async () => {
    const demo = new DemoProcess([])
    await demo.prints('Serving until Ctrl-C')
    expect(demo.stdout).toContain('Hit ratio 95.2 %: 1,000 hits, 50 misses, 0 errors')
    for (const family of FAMILIES) expect(demo.stdout).toContain(`  ${family}`)

    const [search = '', metrics = ''] = demo.stdout.match(/^ {2}http:.*$/gm)?.map((line) => line.trim()) ?? []
    expect(await (await fetch(search)).json()).toMatchObject({ pattern: 'colo*r' })
    expect(await (await fetch(metrics)).text()).toContain('redis_cache_hits_total')

    // Once: a second signal can reach a process that has closed all and is about to exit 0, and then counts as its end.
    demo.kill('SIGINT')
    expect(await demo.exit(), demo.stderr).toBe(0)
    await expect(fetch(metrics)).rejects.toThrow()
  })

  test.each([
    { args: [], code: 0 },
    { args: ['--once'], code: 1 },
  ])('ended by SIGTERM before its end: exit $code', async ({ args, code }) => {
    const demo = new DemoProcess(args)
    await demo.prints('Store')
    demo.kill('SIGTERM')
    expect(await demo.exit(), demo.stderr).toBe(code)
    expect(demo.stdout).toContain('Stopped before the end of the run')
  })
})

describe('the command line', { timeout: TIMEOUT }, () => {
  test.each([
    { args: ['--twice'], env: {}, message: "Unknown option '--twice'" },
    { args: ['once'], env: {}, message: "Unexpected argument 'once'" },
    { args: [], env: { PORT: '65536' }, message: 'PORT must be a whole number from 0 to 65535, got 65536' },
    { args: [], env: { METRICS_PORT: '-1' }, message: 'METRICS_PORT must be a whole number from 0 to 65535, got -1' },
  ])('refuses $args with $env', async ({ args, env, message }) => {
    const demo = new DemoProcess(args, env)
    expect(await demo.exit()).toBe(2)
    expect(demo.stderr).toContain(message)
  })

  test('--help', async () => {
    const demo = new DemoProcess(['--', '--help'])
    expect(await demo.exit()).toBe(0)
    expect(demo.stdout).toMatch(/^Usage: pnpm demo/)
  })
})
