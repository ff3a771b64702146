import { describe, expect, test } from 'vitest'
import type { Cache } from '../src/index.js'
import { freshName, makeCache, makeTimedCache } from './support/caches.js'
import { connect, IOREDIS, ownRedis, useRedis } from './support/redis.js'
import { noUnhandledRejections } from './support/unhandled.js'

noUnhandledRejections()

describe.each(IOREDIS)('what memory believes in front of Redis, $ioredis', ({ Client }) => {
  const redis = useRedis()

  async function timedPair(options: Parameters<typeof makeTimedCache>[0] = {}) {
    const name = freshName()
    const other = makeCache({ name, redis: await connect(Client, redis.server), redisTimeout: 10_000, memory: false })
    const { cache, clock } = makeTimedCache({ name, redis: await connect(Client, redis.server), ...options })
    return { cache, clock, other }
  }

  type Ask = readonly [string, (cache: Cache) => Promise<unknown>]
  const ASKS: readonly Ask[] = [
    ['get', (cache) => cache.get('a')],
    ['getMany', async (cache) => (await cache.getMany(['a']))[0]],
    ['getOrSet', (cache) => cache.getOrSet('a', () => 'loaded')],
  ]

  const FILLS: readonly Ask[] = [
    ['read', (cache) => cache.get('a')],
    ['wrote', (cache) => cache.set('a', 'old')],
    ['loaded', (cache) => cache.getOrSet('a', () => 'old', { refresh: true })],
  ]

  test.each(FILLS.flatMap(([filled, fill]) => ASKS.map(([asked, ask]) => ({ filled, fill, asked, ask }))))(
    'what it $filled is believed for 2 s, and no longer: $asked then gives what another client wrote',
    async ({ fill, ask }) => {
      const { cache, clock, other } = await timedPair()
      await other.set('a', 'old')
      await fill(cache)
      await other.set('a', 'new')
      await clock.advance(1_999)
      expect(await ask(cache)).toBe('old')
      expect(cache.peek('a')).toBe('old')
      await clock.advance(1)
      expect(cache.peek('a')).toBeUndefined()
      expect(await ask(cache)).toBe('new')
      expect(cache.peek('a')).toBe('new')
    },
  )

  test.each([
    ['delete', (other: Cache) => other.delete('a')],
    ['clear', (other: Cache) => other.clear()],
  ])('nor past a %s by another client', async (_, change) => {
    const { cache, clock, other } = await timedPair()
    await cache.set('a', 'old')
    await change(other)
    await clock.advance(2_000)
    expect(await cache.get('a')).toBeUndefined()
    expect(await cache.has('a')).toBe(false)
    expect(cache.stats()).toMatchObject({ misses: 1 })
  })

  test('one read that sees a clear by another client frees every entry of memory at once', async () => {
    const { cache, other } = await timedPair({ maxStaleness: Infinity })
    await cache.setMany([
      ['a', 1],
      ['b', 2],
    ])
    await cache.namespace('n').set('c', 3)
    await other.clear()
    expect(await cache.get('unknown')).toBeUndefined()
    expect([cache.peek('a'), cache.peek('b'), cache.namespace('n').peek('c')]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  test('what still stands in Redis is believed again once it was asked', async () => {
    const { cache, clock } = await timedPair()
    await cache.set('a', 1)
    for (let round = 1; round <= 3; round++) {
      await clock.advance(2_000)
      expect(await cache.get('a')).toBe(1)
      expect(await cache.get('a')).toBe(1)
      expect(cache.stats().hits).toEqual({ memory: round, redis: round })
    }
  })

  test.each([
    [0, 0],
    [500, 500],
    [10_000, 10_000],
  ])('maxStaleness %d is kept to the millisecond', async (maxStaleness, believed) => {
    const { cache, clock } = await timedPair({ maxStaleness })
    await cache.set('a', 1)
    if (believed > 0) {
      await clock.advance(believed - 1)
      expect(cache.peek('a')).toBe(1)
      await clock.advance(1)
    }
    expect(cache.peek('a')).toBeUndefined()
    expect(await cache.get('a')).toBe(1)
  })

  test('the two seconds begin when Redis was asked, not when it answered', async () => {
    const server = await ownRedis()
    const name = freshName()
    const client = await connect(Client, server)
    await makeCache({ name, redis: client, redisTimeout: 10_000 }).set('a', 1)
    const { cache, clock } = makeTimedCache({ name, redis: await connect(Client, server), redisTimeout: 5_000 })
    await server.kill('SIGSTOP')
    const found = cache.get('a')
    await clock.advance(1_500)
    await server.kill('SIGCONT')
    expect(await found).toBe(1)
    await clock.advance(499)
    expect(cache.peek('a')).toBe(1)
    await clock.advance(1)
    expect(cache.peek('a')).toBeUndefined()
  })

  test('what Redis did not confirm is not believed at all', async () => {
    const server = await ownRedis()
    const { cache, clock } = makeTimedCache({ redis: await connect(Client, server) })
    await cache.set('a', 'old')
    await server.kill('SIGSTOP')
    const set = cache.set('a', 'new')
    await clock.advance(100)
    expect(await set).toBe(false)
    expect(cache.peek('a')).toBeUndefined()
    const loaded = cache.getOrSet('b', () => 'loaded')
    await clock.advance(100)
    expect(await loaded).toBe('loaded')
    expect(cache.peek('b')).toBeUndefined()
    await server.kill('SIGCONT')
  })

  test('without proof nothing is served from memory while Redis hangs, however long', async () => {
    const server = await ownRedis()
    const { cache, clock } = makeTimedCache({ redis: await connect(Client, server) })
    await cache.set('a', 1)
    await server.kill('SIGSTOP')
    await clock.advance(1_999)
    expect(await cache.get('a')).toBe(1)
    await clock.advance(1)
    const missed = cache.get('a')
    await clock.advance(100)
    expect(await missed).toBeUndefined()
    await server.kill('SIGCONT')
  })

  test('a read under way while another caller writes does not put the older value back', async () => {
    const { cache, other } = await timedPair()
    await other.set('a', 'old')
    const reads = [cache.get('a'), cache.getMany(['a']), cache.getOrSet('a', () => 'loaded'), cache.has('a')]
    const written = cache.set('a', 'new')
    await Promise.all([...reads, written])
    expect(cache.peek('a') ?? 'new').toBe('new')
    expect(await cache.get('a')).toBe('new')
    await cache.set('b', 'old')
    const deleted = [cache.delete('b'), cache.get('b'), cache.has('b')]
    await Promise.all(deleted)
    expect(cache.peek('b')).toBeUndefined()
    expect(await cache.get('b')).toBeUndefined()
  })
})
