import { once } from 'node:events'
import { freePort } from '@otel-cache/test-servers'
import { describe, expect, test } from 'vitest'
import { createCache } from '../src/index.js'
import { freshName, makeCache, makeTimedCache } from './support/caches.js'
import { turn } from './support/fake-clock.js'
import { connect, IOREDIS, makeClient, ownRedis, type RedisClient, useRedis, useTlsRedis } from './support/redis.js'
import { noUnhandledRejections } from './support/unhandled.js'
import { until } from './support/until.js'

noUnhandledRejections()

describe.each(IOREDIS)("the application's client, $ioredis", ({ Client }) => {
  const redis = useRedis()

  describe('until its first attempt to connect has ended, calls wait for it', () => {
    const CLIENTS = [
      ['that is connecting', 'connecting', {}],
      ['that connects lazily', 'wait', { lazyConnect: true }],
      ['that connects lazily and queues nothing', 'wait', { lazyConnect: true, enableOfflineQueue: false }],
      ['that is connecting and queues nothing', 'connecting', { enableOfflineQueue: false }],
      ['that checks nothing before it is ready', 'connecting', { enableReadyCheck: false }],
    ] as const

    test.each(CLIENTS)('%s', async (_, status, options) => {
      const name = freshName()
      const writer = makeCache({ name, redis: await connect(Client, redis.server), redisTimeout: 10_000 })
      await writer.set('a', 1)
      const client = makeClient(Client, redis.server, options)
      expect(client.status).toBe(status)
      const cache = makeCache({ name, redis: client, redisTimeout: 10_000, memory: false })
      expect(await Promise.all([cache.get('a'), cache.getOrSet('a', () => 'loaded'), cache.set('b', 1)])).toEqual([
        1,
        1,
        true,
      ])
      expect(cache.stats()).toMatchObject({ errors: 0, misses: 0 })
    })

    test('one that nobody uses is not woken', async () => {
      const client = makeClient(Client, redis.server, { lazyConnect: true })
      const cache = makeCache({ redis: client })
      await turn()
      cache.stats()
      cache.peek('a')
      expect(client.status).toBe('wait')
    })
  })

  test('is asked only while it is ready, and again as soon as it is', async () => {
    const client = await connect(Client, redis.server)
    const cache = makeCache({ redis: client, redisTimeout: 10_000, memory: false })
    await cache.set('a', 1)
    client.disconnect(true)
    await once(client, 'reconnecting')
    expect(await cache.get('a')).toBeUndefined()
    await once(client, 'ready')
    expect(await cache.get('a')).toBe(1)
  })

  describe('stays as it was', () => {
    const EVENTS = [
      'connect',
      'ready',
      'error',
      'close',
      'end',
      'reconnecting',
      'wait',
      'message',
      'messageBuffer',
      'select',
    ]
    const listeners = (client: RedisClient): number[] => EVENTS.map((event) => client.listenerCount(event))

    test.each([
      ['ready', async () => connect(Client, redis.server)],
      ['connecting', async () => makeClient(Client, redis.server)],
      ['lazy and never used', async () => makeClient(Client, redis.server, { lazyConnect: true })],
      ['refused', async () => makeClient(Client, { port: await freePort() })],
    ] as const)('no listener is left on one that is %s', async (kind, make) => {
      const client = await make()
      const before = listeners(client)
      const caches = Array.from({ length: 5 }, () => createCache({ name: freshName(), redis: client }))
      // More than ten listeners of one event would also be a warning on the application's console.
      for (const event of EVENTS) expect(client.listenerCount(event)).toBeLessThanOrEqual(10)
      if (kind !== 'lazy and never used') {
        for (const cache of caches) {
          await cache.getOrSet('a', () => 1)
          await cache.clear({ purge: true })
        }
      }
      for (const cache of caches) await cache.close()
      expect(listeners(client)).toEqual(before)
    })

    test('fifty caches on one client that is still connecting cause no warning', async () => {
      const warnings: Error[] = []
      const onWarning = (warning: Error): void => {
        warnings.push(warning)
      }
      process.on('warning', onWarning)
      const client = makeClient(Client, redis.server)
      const caches = Array.from({ length: 50 }, () => createCache({ name: freshName(), redis: client }))
      for (const cache of caches) await cache.get('a')
      for (const cache of caches) await cache.close()
      await turn()
      process.off('warning', onWarning)
      expect(warnings).toEqual([])
    })

    test('closing the cache leaves it open', async () => {
      const client = await connect(Client, redis.server)
      const cache = makeCache({ redis: client })
      await cache.set('a', 1)
      await cache.close()
      expect(client.status).toBe('ready')
      expect(await client.ping()).toBe('PONG')
    })

    test('closing the cache during the first attempt does not end the attempt, and frees who waits', async () => {
      const client = makeClient(Client, redis.server)
      const { cache } = makeTimedCache({ redis: client })
      const call = cache.getOrSet('a', () => 'loaded')
      await cache.close()
      expect(await call).toBe('loaded')
      await until(() => client.status === 'ready')
    })
  })

  describe('is used as it is set up', () => {
    const tls = useTlsRedis()

    test.each([
      ['with a database of its own', () => redis.server, () => ({ db: 5 })],
      ['with a prefix of its own', () => redis.server, () => ({ keyPrefix: 'app*:' })],
      ['queueing nothing while offline', () => redis.server, () => ({ enableOfflineQueue: false })],
      ['pipelining by itself', () => redis.server, () => ({ enableAutoPipelining: true })],
      ['giving numbers as strings', () => redis.server, () => ({ stringNumbers: true })],
      ['over TLS', () => tls.server, () => ({ tls: tls.server.tls ?? {} })],
    ] as const)('%s', async (_, serverOf, optionsOf) => {
      const client = await connect(Client, serverOf(), optionsOf())
      const cache = makeCache({ redis: client, redisTimeout: 10_000, memory: false })
      const view = cache.namespace('n', { tags: ['t'] })
      expect(await cache.set('a', 1)).toBe(true)
      expect(await view.getOrSet('a', () => 2)).toBe(2)
      expect([await cache.get('a'), await view.get('a')]).toEqual([1, 2])
      expect(await view.deleteByTag('t')).toBe(true)
      expect(await view.get('a')).toBeUndefined()
      expect(await cache.clear({ purge: true })).toBe(true)
      expect((await client.keys('*')).filter((key) => key.includes(`${cache.name}:v:`))).toEqual([])
      expect(await cache.get('a')).toBeUndefined()
      expect(cache.stats()).toMatchObject({ errors: 0, circuit: 'closed' })
    })
  })

  describe('ready', () => {
    test('resolves once Redis answers', async () => {
      const server = await ownRedis()
      await server.kill('SIGSTOP')
      const cache = makeCache({ redis: makeClient(Client, server) })
      let ready = false
      const waiting = cache.ready().then(() => {
        ready = true
      })
      await cache.get('a')
      expect(ready).toBe(false)
      await server.kill('SIGCONT')
      await waiting
      expect(await cache.set('a', 1)).toBe(true)
    })

    test('rejects at its timeout, with a CacheError that names it', async () => {
      const server = await ownRedis()
      await server.kill('SIGSTOP')
      const { cache, clock } = makeTimedCache({ redis: makeClient(Client, server), redisTimeout: 60_000 })
      let error: unknown
      cache.ready({ timeout: 500 }).catch((reason: unknown) => {
        error = reason
      })
      await clock.advance(499)
      expect(error).toBeUndefined()
      await clock.advance(101)
      expect(error).toMatchObject({
        code: expect.stringMatching(/^ERR_CACHE_/),
        message: expect.stringContaining('500'),
      })
      await server.kill('SIGCONT')
    })

    // It said that Redis had not answered.
    test('says so where it is the invalidation channel that does not stand', async () => {
      const client = await connect(Client, await ownRedis())
      const gone = { port: await freePort() }
      const duplicate = () => makeClient(Client, gone, { lazyConnect: true, retryStrategy: () => null })
      Object.defineProperty(client, 'duplicate', { value: duplicate })
      const message = expect.stringMatching(/^Redis answered, but its invalidation channel did not stand within 300 ms/)
      await expect(makeCache({ redis: client }).ready({ timeout: 300 })).rejects.toMatchObject({ message })
    })

    test('rejects with CacheClosedError when the cache is closed meanwhile', async () => {
      const cache = makeCache({ redis: makeClient(Client, { port: await freePort() }) })
      const waiting = cache.ready()
      await cache.close()
      await expect(waiting).rejects.toMatchObject({ code: 'ERR_CACHE_CLOSED' })
    })

    test('resolves at once where there is no Redis', async () => {
      await makeCache().ready({ timeout: 0 })
    })
  })
})
