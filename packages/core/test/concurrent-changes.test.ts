import { randomBytes } from 'node:crypto'
import { startCluster, startRedis } from '@otel-cache/test-servers'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Cache, CacheOptions } from '../src/index.js'
import { freshName, makeCache } from './support/caches.js'
import { deferred, until } from './support/until.js'

// Of changes of one key, made by one process without waiting, the last one has the last word. Those before it need not be
// sent; they are confirmed when it is.
const SERVERS = {
  'a single Redis': async () => {
    const server = await startRedis()
    return { stop: () => server.stop(), connect: () => new Redis(server.port, server.host) }
  },
  'a Cluster': async () => {
    const cluster = await startCluster()
    return { stop: () => cluster.stop(), connect: () => new Cluster(cluster.address) }
  },
}

describe.each(Object.entries(SERVERS))('%s', (_, start) => {
  let server: Awaited<ReturnType<typeof start>>
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server?.stop())

  async function open(options: Partial<CacheOptions> = {}) {
    const client = server.connect()
    const cache = makeCache({ name: freshName(), redis: client, redisTimeout: 10_000, ...options })
    onTestFinished(async () => {
      await cache.close()
      client.disconnect()
    })
    await cache.ready()
    const other = makeCache({ name: cache.name, redis: client, memory: false, ...options })
    onTestFinished(async () => {
      await other.close()
    })
    return { cache, other }
  }

  const FIVE = [1, 2, 3, 4, 5]

  test.each([
    ['plain', {}],
    ['compressed', { compression: { threshold: 0 } }],
    ['without memory', { memory: false }],
    ['for long', { staleIfError: 60_000 }],
  ] satisfies Array<[string, Partial<CacheOptions>]>)(
    'all sets are confirmed, and the last is read: %s',
    async (_, options) => {
      const { cache, other } = await open(options)
      for (const round of [10, 20]) {
        const sets = FIVE.map((value) => cache.set('a', round + value))
        expect(await Promise.all(sets)).toEqual(FIVE.map(() => true))
        expect([await cache.get('a'), await other.get('a')]).toEqual([round + 5, round + 5])
      }
      expect(cache.stats()).toMatchObject({ errors: 0, unconfirmed: 0 })
    },
  )

  test('sets and deletes in turn are confirmed, whichever is last', async () => {
    const { cache, other } = await open()
    for (const last of [5, 4]) {
      const changes = FIVE.slice(0, last).map((value) => (value % 2 === 0 ? cache.delete('a') : cache.set('a', value)))
      expect(await Promise.all(changes)).not.toContain(false)
      const left = last % 2 === 0 ? undefined : last
      expect([await cache.get('a'), await other.get('a')]).toEqual([left, left])
    }
  })

  test('a set after a clear or a deleteByTag under way is confirmed', async () => {
    const { cache, other } = await open()
    for (const end of [() => cache.clear(), () => cache.deleteByTag('t')]) {
      await cache.set('a', 'before', { tags: ['t'] })
      expect(await Promise.all([end(), cache.set('a', 'after', { tags: ['t'] })])).toEqual([true, true])
      expect([await cache.get('a'), await other.get('a')]).toEqual(['after', 'after'])
    }
  })

  test('a thousand sets or deletes of a key are confirmed within the deadline of each', async () => {
    const { cache, other } = await open({ redisTimeout: 1_000 })
    await cache.set('a', 0)
    const sets = Array.from({ length: 1_000 }, (_, index) => cache.set('a', index))
    expect(new Set(await Promise.all(sets))).toEqual(new Set([true]))
    expect(await other.get('a')).toBe(999)
    const deletes = sets.map(() => cache.delete('a'))
    expect(new Set(await Promise.all(deletes))).toEqual(new Set([true]))
    expect(await other.get('a')).toBeUndefined()
  })

  // It gave way, and left the value before it behind: that has other tags, or may still be served stale.
  test.each([
    ['its tag is deleted', { tags: ['t'] }, (cache: Cache) => cache.deleteByTag('t')],
    ['it is expired', { staleIfError: 60_000 }, (cache: Cache) => cache.expire('a')],
  ])('what was there before a set does not survive where %s before the set was sent', async (_, lifetime, end) => {
    const { cache, other } = await open()
    await cache.set('a', 'before', { ...lifetime, tags: [] })
    await Promise.all([cache.set('a', 'after', lifetime), end(cache)])
    expect(await cache.inspect('a')).toBeUndefined()
    expect(await other.inspect('a')).toBeUndefined()
  })

  // It was the last to be asked for, and not sent until the first had been packed and found out.
  test('a set after an expire is not deleted by what the expire made of a set before it', async () => {
    const { cache, other } = await open({ compression: { threshold: 100_000 } })
    await cache.set('a', 'before')
    const large = cache.set('a', 'x'.repeat(500_000))
    expect(await cache.expire('a')).toBe(true)
    expect(await cache.set('a', 'last')).toBe(true)
    await large
    await until(() => cache.stats().unconfirmed === 0)
    expect([await cache.get('a'), await other.get('a')]).toEqual(['last', 'last'])
  })

  // For some microtasks between its packing and its sending a set did not see what came.
  test.each([
    ['encrypted', { encryption: { current: 'a', keys: { a: new Uint8Array(32) } } }],
    ['compressed', { compression: { threshold: 0 } }],
  ] satisfies Array<[string, Partial<CacheOptions>]>)(
    'a delete is not undone by the set before it, whenever it comes: %s',
    async (_, options) => {
      const { cache, other } = await open(options)
      const undone: number[] = []
      for (let microtasks = 0; microtasks < 20; microtasks++) {
        const set = cache.set('a', microtasks)
        for (let n = 0; n < microtasks; n++) await undefined
        expect(await Promise.all([cache.delete('a'), set])).toEqual([true, true])
        if ((await other.get('a')) !== undefined) undone.push(microtasks)
      }
      expect(undone).toEqual([])
    },
  )

  test('a load that turns out too large when it is packed does not delete what was set meanwhile', async () => {
    const { cache, other } = await open({ compression: { threshold: 0 }, maxValueBytes: 1_000 })
    await cache.set('a', 'stale', { ttl: 1, staleIfError: 60_000 })
    await until(async () => (await other.get('a')) === undefined)
    const large = randomBytes(2_000_000).toString('base64')
    const loaded = deferred<void>()
    const load = cache.getOrSet('a', () => {
      setImmediate(loaded.resolve)
      return large
    })
    await loaded.promise
    expect(await cache.set('a', 'set')).toBe(true)
    expect(await load).toBe(large)
    expect(await other.get('a')).toBe('set')
  })

  test('deletes of several keys among those of one are done all the same', async () => {
    const { cache, other } = await open()
    await cache.setMany(FIVE.map((value) => [`k${value}`, value]))
    const deletes = [
      cache.delete('k1'),
      cache.deleteMany(['k1', 'k2']),
      cache.delete('k1'),
      cache.deleteMany(['k2', 'k3']),
      cache.delete('k2'),
      cache.expire('k4'),
      cache.delete('k4'),
      cache.expire('k4'),
    ]
    expect(new Set(await Promise.all(deletes))).toEqual(new Set([true]))
    const left = [undefined, undefined, undefined, undefined, 5]
    expect(await other.getMany(FIVE.map((value) => `k${value}`))).toEqual(left)
  })
})
