import { describe, expect, test } from 'vitest'
import { makeCache, makeTimedCache } from './support/caches.js'

describe('what memory holds', () => {
  test('is at most maxEntries, the least recently used going first, counted as evictions', async () => {
    const cache = makeCache({ memory: { maxEntries: 3 } })
    for (const key of ['a', 'b', 'c']) await cache.set(key, key)
    await cache.get('a')
    await cache.set('d', 'd')
    expect(await cache.getMany(['a', 'b', 'c', 'd'])).toEqual(['a', undefined, 'c', 'd'])
    expect(cache.stats()).toMatchObject({ entries: 3, evictions: 1 })
  })

  test('peek does not count as a use', async () => {
    const cache = makeCache({ memory: { maxEntries: 2 } })
    await cache.set('a', 1)
    await cache.set('b', 1)
    cache.peek('a')
    await cache.set('c', 1)
    expect([cache.peek('a'), cache.peek('b'), cache.peek('c')]).toEqual([undefined, 1, 1])
  })

  test('is at most maxBytes, keys included, as UTF-8', async () => {
    const cache = makeCache({ memory: { maxBytes: 100 } })
    await cache.set('k1', 'x'.repeat(46))
    expect(cache.stats()).toMatchObject({ entries: 1, bytes: 50 })
    await cache.set('ké', 'é'.repeat(22))
    expect(cache.stats().bytes).toBe(50 + 3 + 46)
    await cache.set('k3', 1)
    expect(cache.stats().bytes).toBeLessThanOrEqual(100)
    expect(cache.peek('k1')).toBeUndefined()
    expect(cache.stats().evictions).toBe(1)
  })

  test('a namespaced key counts no less than the same key without one', async () => {
    const cache = makeCache()
    await cache.set('k', 1)
    const { bytes } = cache.stats()
    await cache.namespace('a').set('k', 1)
    expect(cache.stats().bytes).toBeGreaterThanOrEqual(2 * bytes)
  })

  test('is replaced, not added to, when a key is set again, and let go of when it is deleted', async () => {
    const cache = makeCache()
    await cache.set('k', 'x'.repeat(100))
    await cache.set('k', 'x')
    expect(cache.stats()).toMatchObject({ entries: 1, bytes: 4 })
    await cache.delete('k')
    expect(cache.stats()).toMatchObject({ entries: 0, bytes: 0 })
  })

  test('100,000 distinct keys through a cache of 1,000 entries leave 1,000', async () => {
    const cache = makeCache({ memory: { maxEntries: 1_000 } })
    for (let index = 0; index < 100_000; index++) await cache.getOrSet(`key-${index}`, () => index)
    expect(cache.stats()).toMatchObject({ entries: 1_000, loads: 100_000, misses: 100_000, evictions: 99_000 })
  })

  test('the default bounds are 10,000 entries', async () => {
    const cache = makeCache()
    await cache.setMany(Array.from({ length: 10_500 }, (_, index) => [`key-${index}`, index] as const))
    expect(cache.stats().entries).toBe(10_000)
  })

  test('true from set is never a lie: a value that memory alone cannot hold was not stored', async () => {
    const cache = makeCache({ memory: { maxBytes: 50 } })
    await cache.set('k', 'old')
    const stored = await cache.set('k', 'x'.repeat(60))
    expect(await cache.get('k')).toBeUndefined()
    expect(stored).toBe(false)
  })

  test('maxValueBytes is 1 MiB by default, as stored', async () => {
    const cache = makeCache()
    expect(await cache.set('k', 'x'.repeat(1_048_574))).toBe(true)
    expect(await cache.set('k', 'x'.repeat(1_048_575))).toBe(false)
  })

  test('memory: false keeps nothing', async () => {
    const cache = makeCache({ memory: false })
    await cache.set('k', 1)
    expect(cache.peek('k')).toBeUndefined()
    expect(await cache.get('k')).toBeUndefined()
    expect(cache.stats()).toMatchObject({ entries: 0, bytes: 0 })
  })
})

describe('stats', () => {
  test('tell what happened, from zero', async () => {
    const { cache, clock } = makeTimedCache()
    expect(cache.stats()).toEqual({
      hits: { memory: 0, redis: 0 },
      misses: 0,
      errors: 0,
      loads: 0,
      coalesced: 0,
      stale: 0,
      evictions: 0,
      entries: 0,
      bytes: 0,
      circuit: 'closed',
      proofAge: undefined,
      unconfirmed: 0,
    })
    await cache.get('a')
    await Promise.all([1, 2, 3].map(() => cache.getOrSet('a', () => 'value', { ttl: 10 })))
    await cache.getMany(['a', 'a', 'unknown'])
    await cache.has('a')
    cache.peek('a')
    await cache.has('unknown')
    await clock.advance(10)
    await cache.get('a')
    expect(cache.stats()).toMatchObject({
      hits: { memory: 2, redis: 0 },
      misses: 1 + 3 + 1 + 1,
      loads: 1,
      coalesced: 2,
      evictions: 1,
      entries: 0,
      bytes: 0,
    })
  })

  test('are a picture: later calls do not change it, and nobody can change the counts through it', async () => {
    const cache = makeCache()
    await cache.set('a', 1)
    const picture = cache.stats()
    await cache.get('a')
    expect(picture.hits.memory).toBe(0)
    picture.hits.memory = 99
    expect(cache.stats().hits.memory).toBe(1)
  })
})
