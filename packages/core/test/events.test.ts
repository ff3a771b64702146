import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Cache, LoadEvent, LookupEvent, OperationEvent } from '../src/index.js'
import { makeCache, makeTimedCache } from './support/caches.js'
import { connect, IOREDIS, ownRedis, useRedis } from './support/redis.js'
import { noUnhandledRejections } from './support/unhandled.js'

noUnhandledRejections()
const redis = useRedis()
const [{ Client }] = IOREDIS

/** What is published of one cache on a channel, until the test ends. */
function listenTo<T extends { readonly cache: string }>(channel: string, { name }: Cache): T[] {
  const events: T[] = []
  const listener: ChannelListener = (event) => {
    if ((event as T).cache === name) events.push(event as T)
  }
  subscribe(channel, listener)
  onTestFinished(() => {
    unsubscribe(channel, listener)
  })
  return events
}

describe('diagnostics_channel', () => {
  test('otel-cache:lookup tells each key of each lookup, memory hits included', async () => {
    const cache = makeCache({ redis: await connect(Client, redis.server), redisTimeout: 10_000 })
    await cache.namespace('a b').set('there', 1)
    const events = listenTo<LookupEvent>('otel-cache:lookup', cache)
    await cache.getMany(['x', 'y'])
    await cache.getOrSet('x', () => 1)
    await cache.get('x')
    await cache.getOrSet('x', () => 2)
    await cache.namespace('a b').get('there')
    await cache.has('x')
    const told = events.map(({ key, namespace, result, tier, reason }) => [namespace, key, result, tier ?? reason])
    expect(told).toEqual([
      ['', 'x', 'miss', 'absent'],
      ['', 'y', 'miss', 'absent'],
      ['', 'x', 'miss', 'absent'],
      ['', 'x', 'hit', 'memory'],
      ['', 'x', 'hit', 'memory'],
      ['a b:', 'there', 'hit', 'memory'],
    ])
  })

  test('callers of a stampede are told together, and in all they are what was counted', async () => {
    const cache = makeCache()
    const events = listenTo<LookupEvent>('otel-cache:lookup', cache)
    await Promise.all(Array.from({ length: 100 }, () => cache.getOrSet('k', async () => 1)))
    expect(events.reduce((sum, { callers }) => sum + callers, 0)).toBe(100)
    expect(cache.stats().misses).toBe(100)
  })

  // Its duration would have what the loader does before it first waits.
  test.each([true, false])(
    'the get of a miss has ended before its loader begins, in front of Redis: %s',
    async (isInFront) => {
      const cache = makeCache(isInFront ? { redis: await connect(Client, redis.server), redisTimeout: 10_000 } : {})
      const events = listenTo<OperationEvent>('otel-cache:operation', cache)
      const ended: string[][] = []
      const loader = (): number => ended.push(events.map(({ operation }) => operation))
      for (const key of ['a', 'b', 'c']) {
        await cache.getOrSet(key, loader)
        events.length = 0
      }
      expect(ended).toEqual([['get'], ['get'], ['get']])
    },
  )

  test('a stale serve says why', async () => {
    const { cache, clock } = makeTimedCache({ ttl: 1_000, staleIfError: 1_000 })
    await cache.set('k', 'old')
    await clock.advance(1_500)
    const events = listenTo<LookupEvent>('otel-cache:lookup', cache)
    expect(await cache.getOrSet('k', () => Promise.reject(new Error('origin')))).toBe('old')
    expect(events).toEqual([
      {
        cache: cache.name,
        key: 'k',
        namespace: '',
        result: 'hit',
        tier: 'memory',
        stale: 'error',
        reason: undefined,
        callers: 1,
      },
    ])
  })

  test('otel-cache:operation tells durations and failures, also without a meter provider', async () => {
    const server = await ownRedis()
    const { cache, clock } = makeTimedCache({ redis: await connect(Client, server), memory: false })
    await cache.set('k', 1)
    const events = listenTo<OperationEvent>('otel-cache:operation', cache)
    await cache.getOrSet('new', () => 1)
    await server.kill('SIGSTOP')
    const read = cache.get('k')
    await clock.advance(100)
    await read
    for (let call = 0; call < 9; call++) {
      const next = cache.get('k')
      await clock.advance(100)
      await next
    }
    await cache.clear()
    const common = { cache: cache.name }
    expect(events.slice(0, 3)).toEqual([
      { ...common, operation: 'get', duration: 0, errors: [], skipped: false },
      { ...common, operation: 'set', duration: 0, errors: [], skipped: false },
      { ...common, operation: 'get', duration: 100, errors: ['timeout'], skipped: false },
    ])
    expect(events.at(-1)).toEqual({ ...common, operation: 'clear', duration: 0, errors: [], skipped: true })
    await server.kill('SIGCONT')
  })

  test('otel-cache:load tells each run of a loader', async () => {
    const { cache, clock } = makeTimedCache()
    const events = listenTo<LoadEvent>('otel-cache:load', cache)
    await cache.getOrSetMany(['a', 'b'], (keys) => keys.map(() => 1))
    await cache.getOrSet('c', () => Promise.reject(new Error('origin'))).catch(() => {})
    const late = cache.getOrSet('d', () => new Promise(() => {}), { loadTimeout: 50 }).catch(() => {})
    await clock.advance(50)
    await late
    expect(events).toEqual([
      { cache: cache.name, keys: ['a', 'b'], result: 'success', duration: 0 },
      { cache: cache.name, keys: ['c'], result: 'error', duration: 0 },
      { cache: cache.name, keys: ['d'], result: 'timeout', duration: 50 },
    ])
  })

  test('a listener that throws hurts no caller', async () => {
    const thrown: unknown[] = []
    const isOurs = (error: unknown): void => {
      thrown.push(error)
    }
    // Node itself reports what a listener throws as an uncaught exception, in a later turn.
    const before = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', isOurs)
    const bad = (): void => {
      throw new Error('a bad listener')
    }
    const channels = ['otel-cache:lookup', 'otel-cache:operation', 'otel-cache:load']
    for (const channel of channels) subscribe(channel, bad)
    try {
      const cache = makeCache()
      expect(await cache.getOrSet('k', () => 1)).toBe(1)
      expect(await cache.get('k')).toBe(1)
      expect(await cache.set('k', 2)).toBe(true)
      expect(cache.stats()).toMatchObject({ misses: 1, loads: 1, hits: { memory: 1 } })
      await new Promise((resolve) => setImmediate(resolve))
    } finally {
      for (const channel of channels) unsubscribe(channel, bad)
      process.off('uncaughtException', isOurs)
      for (const listener of before) process.on('uncaughtException', listener)
    }
    expect(thrown.length).toBeGreaterThan(0)
  })
})
