import { describe, expect, test } from 'vitest'
import { type Cache, entry } from '../src/index.js'
import { makeTimedCache } from './support/caches.js'
import { fakeEnvironment } from './support/environment.js'
import { turn } from './support/fake-clock.js'

/** For how many milliseconds a value that was just stored under `a` is there. */
async function lifetimeOf(store: (cache: Cache) => Promise<unknown>, random = 0): Promise<number> {
  const { cache, clock } = makeTimedCache(
    {},
    fakeEnvironment(() => random),
  )
  await store(cache)
  for (let age = 0; age <= 2_000; age++) {
    if (cache.peek('a') === undefined) return age
    await clock.advance(1)
  }
  throw new Error('it lives longer than any lifetime here')
}

describe('how long a value is there', () => {
  test('an hour by default', async () => {
    const { cache, clock } = makeTimedCache()
    await cache.set('a', 1)
    await clock.advance(3_599_999)
    expect(await cache.get('a')).toBe(1)
    await clock.advance(1)
    expect(await cache.get('a')).toBeUndefined()
    expect(cache.peek('a')).toBeUndefined()
    expect(await cache.has('a')).toBe(false)
    expect(await cache.getMany(['a'])).toEqual([undefined])
  })

  test.each([
    ['set', (ttl: number) => ({ ttl })],
    ['getOrSet', (ttl: number) => ({ ttl })],
    ['setMany', (ttl: number) => ({ ttl })],
    ['wrap', (ttl: number) => ({ ttl })],
  ] as const)('as long as %s says', async (member, lifetime) => {
    const age = await lifetimeOf((cache) => {
      const options = lifetime(250)
      if (member === 'set') return cache.set('a', 1, options)
      if (member === 'setMany') return cache.setMany([['a', 1]], options)
      if (member === 'wrap') return cache.wrap(() => 1, { ...options, key: () => 'a' })()
      return cache.getOrSet('a', () => 1, options)
    })
    expect(age).toBe(250)
  })

  test('as long as the cache says where the call does not', async () => {
    const { cache, clock } = makeTimedCache({ ttl: 50 })
    await cache.getOrSet('a', () => 1)
    await clock.advance(49)
    expect(cache.peek('a')).toBe(1)
    await clock.advance(1)
    expect(cache.peek('a')).toBeUndefined()
  })

  test('as long as the loader says, over what the call says', async () => {
    const age = await lifetimeOf((cache) => cache.getOrSet('a', () => entry(1, { ttl: 70 }), { ttl: 500 }))
    expect(age).toBe(70)
  })

  test('what a loader does not say is as the call says', async () => {
    const load = () => entry(null, { ttl: 70 })
    expect(await lifetimeOf((cache) => cache.getOrSet('a', load, { negativeTtl: 30 }))).toBe(30)
  })

  test('null as long as negativeTtl says, and only null', async () => {
    const lifetime = { ttl: 500, negativeTtl: 40 }
    expect(await lifetimeOf((cache) => cache.set('a', null, lifetime))).toBe(40)
    expect(await lifetimeOf((cache) => cache.getOrSet('a', () => null, lifetime))).toBe(40)
    for (const value of [0, '', false, [null]]) {
      expect(await lifetimeOf((cache) => cache.set('a', value, lifetime))).toBe(500)
    }
    expect(await lifetimeOf((cache) => cache.set('a', null, { ttl: 500 }))).toBe(500)
  })

  test('what JSON makes null lives as null does', async () => {
    expect(await lifetimeOf((cache) => cache.set('a', Number.NaN, { ttl: 500, negativeTtl: 40 }))).toBe(40)
  })

  test('for ever with Infinity', async () => {
    const { cache, clock } = makeTimedCache()
    await cache.set('a', 1, { ttl: Infinity })
    await cache.set('b', 1, { ttl: Number.MAX_VALUE })
    await cache.set('c', null, { ttl: 1, negativeTtl: Infinity })
    await clock.advance(1e13)
    expect([cache.peek('a'), cache.peek('b'), cache.peek('c')]).toEqual([1, 1, null])
  })

  test('ttl 0 stores nothing, and leaves no old value', async () => {
    const { cache } = makeTimedCache()
    await cache.set('a', 'old')
    expect(await cache.set('a', 'new', { ttl: 0 })).toBe(true)
    expect(await cache.get('a')).toBeUndefined()
    let loads = 0
    const load = () => {
      loads += 1
      return loads
    }
    expect(await cache.getOrSet('b', load, { ttl: 0 })).toBe(1)
    expect(await cache.getOrSet('b', () => entry(load(), { ttl: 0 }))).toBe(2)
    expect(await cache.getOrSet('b', () => load(), { ttl: 0 })).toBe(3)
    expect(cache.peek('b')).toBeUndefined()
  })

  test('negativeTtl 0 stores no null', async () => {
    const { cache } = makeTimedCache({ negativeTtl: 0 })
    expect(await cache.getOrSet('a', () => null)).toBeNull()
    expect(await cache.has('a')).toBe(false)
    await cache.set('a', 1)
    expect(await cache.get('a')).toBe(1)
  })

  test('a value set again lives anew', async () => {
    const { cache, clock } = makeTimedCache({ ttl: 100 })
    await cache.set('a', 1)
    await clock.advance(60)
    await cache.set('a', 2)
    await clock.advance(60)
    expect(cache.peek('a')).toBe(2)
  })

  test('its lifetime begins when the load ends, not when it began', async () => {
    const { cache, clock } = makeTimedCache({ ttl: 100 })
    const value = cache.getOrSet('a', () => new Promise((resolve) => clock.after(80, () => resolve(1))))
    await turn()
    await clock.advance(80)
    expect(await value).toBe(1)
    await clock.advance(99)
    expect(cache.peek('a')).toBe(1)
  })
})

describe('jitter', () => {
  test.each([
    [0, 0.1, 1_000],
    [0.5, 0.1, 950],
    [0.999_999, 0.1, 901],
    [0.5, 0, 1_000],
    [0.5, 1, 500],
    [0.999_999, 1, 1],
  ])('with random %d and jitter %d a second is %d ms', async (random, jitter, expected) => {
    expect(await lifetimeOf((cache) => cache.set('a', 1, { ttl: 1_000, jitter }), random)).toBe(expected)
  })

  test('only shortens, by at most its share, and both kinds of lifetime', async () => {
    for (const random of [0, 0.1, 0.25, 0.7, 0.999]) {
      const lifetimes = [
        await lifetimeOf((cache) => cache.getOrSet('a', () => 1, { ttl: 400, jitter: 0.2 }), random),
        await lifetimeOf((cache) => cache.set('a', null, { ttl: 9_000, negativeTtl: 400, jitter: 0.2 }), random),
      ]
      for (const lifetime of lifetimes) {
        expect(lifetime).toBeLessThanOrEqual(400)
        expect(lifetime).toBeGreaterThanOrEqual(320)
      }
    }
  })

  test('is a tenth by default, and leaves Infinity alone', async () => {
    expect(await lifetimeOf((cache) => cache.set('a', 1, { ttl: 1_000 }), 0.5)).toBe(950)
    const { cache, clock } = makeTimedCache(
      {},
      fakeEnvironment(() => 0.5),
    )
    await cache.set('a', 1, { ttl: Infinity })
    await clock.advance(1e13)
    expect(cache.peek('a')).toBe(1)
  })
})
