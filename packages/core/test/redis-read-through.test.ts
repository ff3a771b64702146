import { describe, expect, test } from 'vitest'
import type { CacheView } from '../src/index.js'
import { freshName, makeCache, makeTimedCache } from './support/caches.js'
import { turn } from './support/fake-clock.js'
import { allKeys, connect, IOREDIS, useRedis } from './support/redis.js'
import { noUnhandledRejections } from './support/unhandled.js'
import { deferred, until } from './support/until.js'

noUnhandledRejections()

describe.each(IOREDIS)('reading and writing through Redis, $ioredis', ({ Client }) => {
  const redis = useRedis()

  /** Two processes, as far as Redis can tell: each with a client of its own, one cache in two instances. */
  async function twoProcesses(options: Parameters<typeof makeCache>[0] = {}) {
    const name = freshName()
    const clients = [await connect(Client, redis.server), await connect(Client, redis.server)] as const
    const [writer, reader] = clients.map((client) =>
      makeCache({ name, redis: client, redisTimeout: 10_000, ...options }),
    ) as [ReturnType<typeof makeCache>, ReturnType<typeof makeCache>]
    return { name, writer, reader, client: clients[0] }
  }

  test('what one process stored another reads, and has in memory from then on', async () => {
    const { writer, reader } = await twoProcesses()
    await writer.set('set', { by: 'set' })
    await writer.getOrSet('loaded', () => ({ by: 'loader' }))
    expect(await reader.get('set')).toEqual({ by: 'set' })
    expect(await reader.getOrSet('loaded', () => 'unused')).toEqual({ by: 'loader' })
    expect(reader.peek('set')).toEqual({ by: 'set' })
    expect(reader.stats()).toMatchObject({ hits: { memory: 0, redis: 2 }, misses: 0, loads: 0, entries: 2 })
    await reader.get('set')
    expect(reader.stats().hits).toEqual({ memory: 1, redis: 2 })
  })

  test('memory: false reads from Redis each time', async () => {
    const { writer, reader } = await twoProcesses({ memory: false })
    await writer.set('a', 1)
    for (let index = 0; index < 3; index++) expect(await reader.get('a')).toBe(1)
    expect(reader.stats()).toMatchObject({ hits: { memory: 0, redis: 3 }, entries: 0 })
  })

  test('getMany takes from memory what it has, from Redis the rest, in order', async () => {
    const { writer, reader } = await twoProcesses()
    await writer.setMany(['a', 'b', 'c', 'd'].map((key) => [key, key] as const))
    await reader.getMany(['b', 'd'])
    expect(await reader.getMany(['a', 'b', 'x', 'c', 'd'])).toEqual(['a', 'b', undefined, 'c', 'd'])
    expect(reader.stats()).toMatchObject({ hits: { memory: 2, redis: 4 }, misses: 1 })
  })

  test('a delete, a set and a clear of another process are seen by one without memory', async () => {
    const { writer, reader } = await twoProcesses({ memory: false })
    await writer.set('a', 1)
    await reader.delete('a')
    expect(await writer.get('a')).toBeUndefined()
    await writer.set('a', 2)
    await reader.set('a', 3)
    expect(await writer.get('a')).toBe(3)
    await writer.namespace('n').set('a', 4)
    await reader.clear()
    expect(await writer.getMany(['a'])).toEqual([undefined])
    expect(await writer.namespace('n').get('a')).toBeUndefined()
  })

  test("after another process's clear each goes on: values stored before it stay gone, new ones stay", async () => {
    const { writer, reader } = await twoProcesses({ memory: false })
    await writer.set('old', 1)
    await reader.get('old')
    await writer.clear()
    // The reader still knows the generation that has ended: this write has to find that out.
    expect(await reader.set('new', 2)).toBe(true)
    expect(await writer.get('new')).toBe(2)
    expect(await reader.get('new')).toBe(2)
    expect(await writer.get('old')).toBeUndefined()
    let loads = 0
    await writer.clear()
    await reader.getOrSet('loaded', () => (loads += 1))
    await reader.getOrSet('loaded', () => (loads += 1))
    expect(loads).toBe(1)
  })

  test('true from set means that it is there, whatever numbers the client makes of replies', async () => {
    const name = freshName()
    const client = await connect(Client, redis.server, { stringNumbers: true })
    const cache = makeCache({ name, redis: client, redisTimeout: 10_000, memory: false })
    const other = makeCache({ name, redis: await connect(Client, redis.server), redisTimeout: 10_000, memory: false })
    await cache.set('a', 1)
    await other.clear()
    expect(await cache.set('a', 2)).toBe(true)
    expect(await other.get('a')).toBe(2)
    expect(await cache.get('a')).toBe(2)
  })

  test('true is not said of a set that gave way to a delete which Redis has not confirmed either', async () => {
    const client = await connect(Client, redis.server)
    const cache = makeCache({ redis: client, redisTimeout: 10_000, memory: false })
    await cache.set('a', 'old')
    await client.script('FLUSH')
    const deleted: Array<Promise<boolean>> = []
    const send = client.callBuffer.bind(client)
    client.callBuffer = ((...args: Parameters<typeof send>) => {
      if (args[0] === 'del') return Promise.reject(new Error('Connection is closed.'))
      const sent = send(...args)
      if (args[0] === 'evalsha' && deleted.length === 0) deleted.push(cache.delete('a'))
      return sent
    }) as typeof client.callBuffer
    const confirmed = await cache.set('a', 'new')
    expect(await Promise.all(deleted)).toEqual([false])
    expect([confirmed, await cache.get('a')]).not.toEqual([true, 'old'])
  })

  test('a lookup that Redis answered before a load noted its generation does not end it by being heard later', async () => {
    const name = freshName()
    const client = await connect(Client, redis.server)
    const cache = makeCache({ name, redis: client, redisTimeout: 10_000 })
    const other = makeCache({ name, redis: await connect(Client, redis.server), redisTimeout: 10_000, memory: false })
    // Replies of one packet are heard in the order of their promises, which is not that of the packet.
    const noted = deferred()
    const send = client.callBuffer.bind(client)
    client.callBuffer = ((...args: Parameters<typeof send>) => {
      const reply = send(...args)
      if (/^eval/.test(String(args[0]))) reply.then(() => noted.resolve()).catch(() => {})
      if (!args.some((arg) => String(arg).includes('{b}'))) return reply
      return noted.promise.then(turn).then(() => reply)
    }) as typeof client.callBuffer
    const loading = deferred()
    const loaded = cache.getOrSet('a', async () => {
      await loading.promise
      return 'loaded'
    })
    expect(await cache.get('b')).toBeUndefined()
    loading.resolve()
    expect(await loaded).toBe('loaded')
    expect(cache.peek('a')).toBe('loaded')
    expect(await other.get('a')).toBe('loaded')
  })

  test('keys begin with the prefix, which is the name and a colon by default', async () => {
    const client = await connect(Client, redis.server)
    await client.flushall()
    for (const [options, prefix] of [
      [{ name: 'shop' }, 'shop:'],
      [{ name: 'shop', keyPrefix: 'p/' }, 'p/'],
      [{ name: 'shop', keyPrefix: 'p/', version: 'v 2' }, 'p/'],
    ] as const) {
      await client.flushall()
      const cache = makeCache({ ...options, redis: client, redisTimeout: 10_000 })
      await cache.getOrSet('k', () => 1)
      await cache.namespace('a').namespace('b').set('k', 1)
      const keys = await allKeys(client)
      expect(keys.length).toBeGreaterThan(1)
      for (const key of keys) expect(key.startsWith(prefix), key).toBe(true)
    }
  })

  test("the client's own keyPrefix and db are used", async () => {
    const plain = await connect(Client, redis.server, { db: 3 })
    await plain.flushall()
    const client = await connect(Client, redis.server, { db: 3, keyPrefix: 'client:' })
    const cache = makeCache({ name: 'shop', redis: client, redisTimeout: 10_000, memory: false })
    expect(await cache.set('k', 1)).toBe(true)
    await cache.namespace('n').getOrSet('k', () => 2)
    expect(await cache.getMany(['k'])).toEqual([1])
    expect(await cache.namespace('n').get('k')).toBe(2)
    const keys = await allKeys(plain)
    expect(keys.length).toBeGreaterThan(1)
    for (const key of keys) expect(key.startsWith('client:shop:'), key).toBe(true)
    expect(await (await connect(Client, redis.server)).dbsize()).toBe(0)
    expect(await cache.delete('k')).toBe(true)
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.clear()).toBe(true)
    expect(await cache.namespace('n').get('k')).toBeUndefined()
  })

  test.each([
    ['autopipelining', { enableAutoPipelining: true }],
    ['no offline queue', { enableOfflineQueue: false }],
    ['string numbers', { stringNumbers: true }],
    ['a name', { connectionName: 'shop' }],
  ])('works with a client of %s', async (_, options) => {
    const client = await connect(Client, redis.server, options)
    const cache = makeCache({ redis: client, redisTimeout: 10_000, memory: false })
    expect(await cache.set('a', 1)).toBe(true)
    expect(await Promise.all([cache.get('a'), cache.getMany(['a', 'b']), cache.has('a')])).toEqual([
      1,
      [1, undefined],
      true,
    ])
    expect(await cache.getOrSet('b', () => 2, { ttl: 60_000 })).toBe(2)
    expect(await cache.get('b')).toBe(2)
    expect(await cache.delete('a')).toBe(true)
    expect(await cache.clear({ purge: true })).toBe(true)
    expect(cache.stats()).toMatchObject({ errors: 0 })
  })

  test('scripts that Redis has forgotten are sent again', async () => {
    const client = await connect(Client, redis.server)
    const cache = makeCache({ redis: client, redisTimeout: 10_000, memory: false })
    for (let round = 0; round < 2; round++) {
      await client.script('FLUSH')
      expect(await cache.set('a', round)).toBe(true)
      await client.script('FLUSH')
      expect(await cache.namespace(`n${round}`).getOrSet('a', () => round)).toBe(round)
      expect(await cache.get('a')).toBe(round)
      expect(await cache.namespace(`n${round}`).get('a')).toBe(round)
    }
    expect(cache.stats().errors).toBe(0)
  })

  test('a delete that comes while a forgotten script is sent again still has the last word', async () => {
    const client = await connect(Client, redis.server)
    const cache = makeCache({ redis: client, redisTimeout: 10_000 })
    await cache.set('warm', 1)
    await client.script('FLUSH')
    const deleted: Array<Promise<boolean>> = []
    // Between the store's first sending and its second: the moment that a caller cannot choose, and will meet.
    const send = client.callBuffer.bind(client)
    client.callBuffer = ((...args: Parameters<typeof send>) => {
      const sent = send(...args)
      if (args[0] === 'evalsha' && deleted.length === 0) deleted.push(cache.delete('a'))
      return sent
    }) as typeof client.callBuffer
    expect(await cache.getOrSet('a', () => 'old')).toBe('old')
    expect(await Promise.all(deleted)).toEqual([true])
    expect(await cache.get('a')).toBeUndefined()
  })

  describe('lifetimes in Redis', () => {
    async function ttls(store: (cache: ReturnType<typeof makeCache>) => Promise<unknown>) {
      const client = await connect(Client, redis.server)
      await client.flushall()
      const cache = makeCache({ name: 'ttl', redis: client, redisTimeout: 10_000 })
      await store(cache)
      const keys = (await allKeys(client)).map(async (key) => [key, await client.pttl(key)] as const)
      const all = await Promise.all(keys)
      return {
        cache,
        values: all.filter(([key]) => key.startsWith('ttl:v:')).map(([, left]) => left),
        generations: all.filter(([key]) => key.startsWith('ttl:g:') && key !== 'ttl:g:').map(([, left]) => left),
      }
    }

    test('a value expires in Redis by itself, no later than its ttl', async () => {
      const { values } = await ttls((cache) => cache.set('a', 1, { ttl: 60_000 }))
      expect(values).toHaveLength(1)
      expect(values[0]).toBeLessThanOrEqual(60_000)
      // Jitter takes a tenth at most; the rest is what a noisy machine may take.
      expect(values[0]).toBeGreaterThan(54_000 - 10_000)
    })

    test('it is gone for every process once its ttl is over', async () => {
      const { writer, reader } = await twoProcesses()
      await writer.set('a', 1, { ttl: 100 })
      await reader.get('a')
      await until(async () => (await reader.get('a')) === undefined, 'the end of 100 ms')
      expect(reader.peek('a')).toBeUndefined()
      await until(async () => (await writer.get('a')) === undefined, 'the end of 100 ms')
    })

    test('null expires by negativeTtl, Infinity never', async () => {
      const short = await ttls((cache) => cache.getOrSet('a', () => null, { ttl: 60_000, negativeTtl: 5_000 }))
      expect(short.values[0]).toBeLessThanOrEqual(5_000)
      const eternal = await ttls((cache) => cache.set('a', 1, { ttl: Infinity }))
      expect(eternal.values).toEqual([-1])
    })

    test.each([
      ['set', (view, ttl) => view.set('a', 1, { ttl, jitter: 0 })],
      ['getOrSet', (view, ttl) => view.getOrSet('a', () => 1, { ttl, jitter: 0 })],
    ] as ReadonlyArray<readonly [string, (view: CacheView, ttl: number) => Promise<unknown>]>)(
      'any ttl of %s is stored, in a namespace too',
      async (_, store) => {
        for (const ttl of [
          1_000_000 / 3,
          1e9 + 0.1,
          1e12,
          1e14,
          1e15,
          Number.MAX_SAFE_INTEGER,
          Number.MAX_VALUE,
          Infinity,
        ]) {
          for (const path of [[], ['a'], ['a', 'b']]) {
            const { cache, values } = await ttls(async (cache) => {
              await store(
                path.reduce<CacheView>((view, name) => view.namespace(name), cache),
                ttl,
              )
            })
            expect(cache.stats().errors, `ttl ${ttl} in ${path.join(' ') || 'the cache'}`).toBe(0)
            expect(values, `ttl ${ttl} in ${path.join(' ') || 'the cache'}`).toHaveLength(1)
          }
        }
      },
    )

    test('what a namespace needs beside its values expires too, and outlives them', async () => {
      for (const ttl of [1_000, 60_000.5]) {
        const { values, generations } = await ttls(async (cache) => {
          await cache.namespace('a').getOrSet('k', () => 1, { ttl, jitter: 0 })
          await cache.namespace('b').set('k', 1, { ttl, jitter: 0 })
        })
        expect(values).toHaveLength(2)
        // Those of the two views, and what fences loaders' tags in one of them and around it.
        expect(generations).toHaveLength(4)
        for (const left of generations) expect(left).toBeGreaterThanOrEqual(Math.max(...values))
      }
    })

    test('a namespace in which nothing was stored leaves nothing for ever', async () => {
      const { generations } = await ttls(async (cache) => {
        await cache.namespace('a').getOrSet('k', () => 1, { ttl: 0 })
        await cache.namespace('b').getOrSet('k', () => undefined)
        await cache.namespace('c').set('k', 1, { ttl: 0 })
        await cache.namespace('d').get('k')
        await cache.namespace('e').clear()
      })
      // -1 is without an expiry; -2 would be gone already.
      expect(generations).not.toContain(-1)
    })

    test('a longer value makes what its namespace needs live longer, a shorter one not shorter', async () => {
      const { values, generations } = await ttls(async (cache) => {
        const view = cache.namespace('a')
        await view.set('k', 1, { ttl: 1_000, jitter: 0 })
        await view.set('l', 1, { ttl: 100_000, jitter: 0 })
        await view.set('m', 1, { ttl: 1_000, jitter: 0 })
      })
      expect(Math.min(...generations)).toBeGreaterThanOrEqual(Math.max(...values))
      const eternal = await ttls(async (cache) => {
        const view = cache.namespace('a')
        await view.set('k', 1, { ttl: 1_000 })
        await view.set('l', 1, { ttl: Infinity })
        await view.set('m', 1, { ttl: 1_000 })
      })
      expect(eternal.generations).toEqual([-1])
    })

    test("memory in front believes a value no longer than Redis's clock gives it", async () => {
      const name = freshName()
      const writer = makeCache({ name, redis: await connect(Client, redis.server), redisTimeout: 10_000 })
      await writer.set('a', 1, { ttl: 60_000, jitter: 0 })
      const { cache, clock } = makeTimedCache({
        name,
        redis: await connect(Client, redis.server),
        maxStaleness: Infinity,
      })
      expect(await cache.get('a')).toBe(1)
      await clock.advance(30_000)
      expect(cache.peek('a')).toBe(1)
      await clock.advance(30_000)
      expect(cache.peek('a')).toBeUndefined()
    })
  })
})
