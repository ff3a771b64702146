import { DiagLogLevel, diag } from '@opentelemetry/api'
import { freePort } from '@otel-cache/test-servers'
import { expect, onTestFinished, test } from 'vitest'
import { openCache } from '../src/cache.js'
import { makeCache, makeTimedCache } from './support/caches.js'
import { fakeEnvironment } from './support/environment.js'
import { connect, IOREDIS, makeClient, ownRedis } from './support/redis.js'

const [{ Client }] = IOREDIS

/** What is told through OpenTelemetry's `diag` until the test ends. */
function recordDiag(): string[] {
  const told: string[] = []
  const tell = (message: string): void => void told.push(message)
  const silent = (): void => {}
  diag.setLogger({ error: tell, warn: tell, info: silent, debug: silent, verbose: silent }, DiagLogLevel.WARN)
  onTestFinished(() => diag.disable())
  return told
}

const codes = (told: readonly string[]) => told.map((text) => /\[(OTEL_CACHE_[A-Z_]+)\]$/.exec(text)?.[1])

test('that the channel cannot be had is told once for a client, however often it is tried', async () => {
  const told = recordDiag()
  const client = await connect(Client, await ownRedis())
  const gone = { port: await freePort() }
  let attempts = 0
  const duplicate = () => {
    attempts += 1
    return makeClient(Client, gone, { lazyConnect: true, retryStrategy: () => null })
  }
  Object.defineProperty(client, 'duplicate', { value: duplicate })
  const environment = fakeEnvironment()
  const caches = ['one', 'two'].map((name) => openCache({ name, redis: client }, environment))
  onTestFinished(async () => {
    await Promise.all(caches.map((cache) => cache.close()))
  })
  /** Until it is tried for the n-th time: then one less has failed, or as many. */
  const tried = async (times: number): Promise<void> => {
    while (attempts < times) await environment.clock.advance(100)
  }
  await tried(9)
  expect(told).toEqual([])
  await tried(30)
  expect(codes(told)).toEqual(['OTEL_CACHE_CHANNEL_FAILING'])
  expect(told[0]).toContain('the invalidation channel cannot be had (connection)')
})

test('that there is no channel is told once for a client, also when it connects again', async () => {
  const told = recordDiag()
  const client = await connect(Client, await ownRedis())
  let asked = 0
  const duplicate = (): never => {
    asked += 1
    throw new Error('there is no second connection')
  }
  Object.defineProperty(client, 'duplicate', { value: duplicate })
  const cache = makeCache({ redis: client, redisTimeout: 10_000 })
  await cache.ready()
  client.disconnect(true)
  await expect.poll(() => asked).toBeGreaterThan(1)
  await cache.ready()
  expect(codes(told)).toEqual(['OTEL_CACHE_NO_CHANNEL'])
})

test('a waitUntil that fails is told each time', async () => {
  const told = recordDiag()
  const waitUntil = (): never => {
    throw new Error('too late')
  }
  const { cache, clock } = makeTimedCache({ waitUntil, staleWhileRevalidate: 60_000, ttl: 1_000 })
  for (const value of ['one', 'two']) {
    await cache.set('k', value)
    await clock.advance(2_000)
    expect(await cache.getOrSet('k', () => 'new')).toBe(value)
    await clock.advance(0)
  }
  expect(codes(told)).toEqual(['OTEL_CACHE_WAIT_UNTIL_FAILED', 'OTEL_CACHE_WAIT_UNTIL_FAILED'])
})

test('telemetry that fails is told', async () => {
  const told = recordDiag()
  const getMeter = (): never => {
    throw new Error('no meter')
  }
  const cache = makeCache({ meterProvider: { getMeter } })
  expect(await cache.getOrSet('k', () => 1)).toBe(1)
  expect(new Set(codes(told))).toEqual(new Set(['OTEL_CACHE_TELEMETRY_FAILED']))
})
