import { freePort, type RedisServer } from '@otel-cache/test-servers'
import { describe, expect, test } from 'vitest'
import type { Cache, CacheOptions } from '../src/index.js'
import { makeCache, makeTimedCache } from './support/caches.js'
import { type FakeClock, turn } from './support/fake-clock.js'
import { makeProvider } from './support/metrics.js'
import { connect, IOREDIS, makeClient, ownRedis, type RedisClient } from './support/redis.js'
import { stall } from './support/stall.js'
import { noUnhandledRejections } from './support/unhandled.js'
import { until } from './support/until.js'

noUnhandledRejections()

interface Opened {
  readonly server: RedisServer
  readonly client: RedisClient
  readonly cache: Cache
  readonly clock: FakeClock
}

describe.each(IOREDIS)('the circuit breaker, $ioredis', ({ Client }) => {
  async function open(options: Partial<CacheOptions> = {}): Promise<Opened> {
    const server = await ownRedis()
    const client = await connect(Client, server)
    const timed = makeTimedCache({ redis: client, memory: false, ...options })
    await timed.cache.set('k', 'value')
    return { server, client, ...timed }
  }

  /** Calls in a row that all run into their deadline. */
  async function timeOut({ cache, clock }: Opened, times: number): Promise<void> {
    for (let call = 0; call < times; call++) {
      const found = cache.get('k')
      await clock.advance(100)
      expect(await found).toBeUndefined()
    }
  }

  test('opens after ten deadlines in a row; then nobody waits, and Redis is not asked', async () => {
    const { provider, cumulative } = makeProvider()
    const opened = await open({ meterProvider: provider })
    const { server, client, cache } = opened
    await server.kill('SIGSTOP')
    await timeOut(opened, 9)
    expect(cache.stats().circuit).toBe('closed')
    await timeOut(opened, 1)
    expect(cache.stats().circuit).toBe('half-open')
    const { errors } = cache.stats()
    const sent = client.commandQueue.length
    // Time stands still: whoever waited would wait for ever.
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.getMany(['k', 'l'])).toEqual([undefined, undefined])
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded')
    expect(await cache.set('k', 'new')).toBe(false)
    expect(await cache.delete('k')).toBe(false)
    expect(await cache.clear()).toBe(false)
    expect(await cache.has('k')).toBe(false)
    expect(client.commandQueue.length).toBe(sent)
    expect(cache.stats()).toMatchObject({ errors, misses: 10 + 4 })
    const told = await cumulative.read()
    expect(told.counts('redis_cache_skipped_total', 'operation')).toEqual({ get: 3, set: 1, delete: 1, clear: 1 })
    expect(told.sum('redis_cache_misses_total', { reason: 'unavailable' })).toBe(14)
    expect(told.sum('redis_cache_circuit_state')).toBe(1)
    await server.kill('SIGCONT')
  })

  test('is closed by the first answer of Redis, whenever it comes, with nobody asking', async () => {
    const opened = await open()
    const { server, client, cache, clock } = opened
    await server.kill('SIGSTOP')
    await timeOut(opened, 10)
    await clock.advance(100)
    expect(cache.stats().circuit).toBe('open')
    const sent = client.commandQueue.length
    await clock.advance(600_000)
    expect(cache.stats().circuit).toBe('open')
    // One PING is out, and no other was sent after it.
    expect(client.commandQueue.length).toBe(sent)
    await server.kill('SIGCONT')
    await until(() => cache.stats().circuit === 'closed', 'the breaker to close')
    expect(await cache.get('k')).toBe('value')
  })

  test('an answer in between keeps it closed', async () => {
    const opened = await open()
    const { server, client, cache } = opened
    for (let round = 0; round < 3; round++) {
      await server.kill('SIGSTOP')
      await timeOut(opened, 9)
      await server.kill('SIGCONT')
      await until(() => client.commandQueue.length === 0, 'Redis to answer')
      expect(await cache.get('k')).toBe('value')
    }
    expect(cache.stats().circuit).toBe('closed')
  })

  test('a Redis that refuses writes keeps it closed: its reads are good', async () => {
    const { server, cache } = await open()
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    for (let write = 0; write < 30; write++) expect(await cache.set(`w${write}`, 1)).toBe(false)
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    await server.command('REPLICAOF', '127.0.0.1', '1')
    for (let write = 0; write < 30; write++) expect(await cache.set(`w${write}`, 1)).toBe(false)
    expect(cache.stats().circuit).toBe('closed')
    expect(await cache.get('k')).toBe('value')
  })

  test('opens when a connection that was there is lost, and closes when it is back', async () => {
    const server = await ownRedis()
    const cache = makeCache({ redis: await connect(Client, server), memory: false })
    expect(await cache.set('k', 1)).toBe(true)
    await server.kill('SIGKILL')
    await until(async () => {
      await cache.get('k')
      return cache.stats().circuit === 'open'
    }, 'the breaker to open')
    await server.restart()
    await until(() => cache.stats().circuit === 'closed', 'the breaker to close')
    expect(await cache.set('k', 2)).toBe(true)
  })

  test('stays closed while the first connection is waited for in vain: only the first calls wait', async () => {
    const refused = makeCache({ redis: makeClient(Client, { port: await freePort() }) })
    for (let call = 0; call < 50; call++) expect(await refused.get('k')).toBeUndefined()
    expect(refused.stats()).toMatchObject({ circuit: 'closed', errors: 50 })
    // Nobody answers there, and nobody refuses.
    const server = await ownRedis()
    await server.kill('SIGSTOP')
    const { cache, clock } = makeTimedCache({ redis: makeClient(Client, server) })
    const first = [cache.get('a'), cache.get('b')]
    await clock.advance(100)
    expect(await Promise.all(first)).toEqual([undefined, undefined])
    // Time stands still.
    for (let call = 0; call < 50; call++) expect(await cache.getOrSet('c', () => 'loaded')).toBe('loaded')
    expect(cache.stats()).toMatchObject({ circuit: 'closed', errors: 52 })
    await server.kill('SIGCONT')
    await until(() => cache.set('d', 1), 'a confirmed set')
  })

  test('stays closed when the event loop stalls', async () => {
    const server = await ownRedis()
    const cache = makeCache({ redis: await connect(Client, server), memory: false, redisTimeout: 250 })
    await until(() => cache.set('k', 1))
    const { errors } = cache.stats()
    const found = Array.from({ length: 30 }, () => cache.get('k'))
    await turn()
    stall(400)
    expect(new Set(await Promise.all(found))).toEqual(new Set([1]))
    expect(cache.stats()).toMatchObject({ circuit: 'closed', errors })
  })

  test('what was asked before it closed does not open it again', async () => {
    const opened = await open({ redisTimeout: 1_000 })
    const { server, cache, clock } = opened
    await server.kill('SIGSTOP')
    const early = Array.from({ length: 10 }, () => cache.get('k'))
    await clock.advance(500)
    const late = Array.from({ length: 30 }, () => cache.get('k'))
    await clock.advance(500)
    await Promise.all(early)
    expect(cache.stats().circuit).toBe('half-open')
    await clock.advance(500)
    expect(await Promise.all(late)).toEqual(Array.from({ length: 30 }))
    await server.kill('SIGCONT')
    await until(() => cache.stats().circuit === 'closed', 'the breaker to close')
  })

  test('closing the cache ends its probes', async () => {
    const opened = await open()
    const { server, cache, clock } = opened
    await server.kill('SIGSTOP')
    await timeOut(opened, 10)
    await cache.close()
    await clock.advance(100)
    expect(clock.pending).toBe(0)
    await server.kill('SIGCONT')
  })
})
