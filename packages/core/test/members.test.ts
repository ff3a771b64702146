import { expect, test } from 'vitest'
import { makeCache } from './support/caches.js'
import { describeStores } from './support/stores.js'

describeStores('what the members do', (store) => {
  test('get of an unknown key is undefined', async () => {
    const cache = await store.make()
    expect(await cache.get('unknown')).toBeUndefined()
  })

  test('set resolves true, and get gives the value', async () => {
    const cache = await store.make()
    expect(await cache.set('a', { n: 1 })).toBe(true)
    expect(await cache.get('a')).toEqual({ n: 1 })
  })

  test('the last set wins, also of two at once', async () => {
    const cache = await store.make()
    await cache.set('a', 1)
    await cache.set('a', 2)
    expect(await cache.get('a')).toBe(2)
    await Promise.all([cache.set('a', 3), cache.set('a', 4)])
    expect(await cache.get('a')).toBe(4)
  })

  test('delete resolves true, also for an absent key, and the value is gone', async () => {
    const cache = await store.make()
    await cache.set('a', 1)
    expect(await cache.delete('a')).toBe(true)
    expect(await cache.get('a')).toBeUndefined()
    expect(await cache.delete('a')).toBe(true)
  })

  test('what was called last wins, whether set or delete, without waiting in between', async () => {
    const cache = await store.make()
    await Promise.all([cache.set('a', 1), cache.delete('a')])
    expect(await cache.get('a')).toBeUndefined()
    await Promise.all([cache.delete('b'), cache.set('b', 1)])
    expect(await cache.get('b')).toBe(1)
  })

  test('getMany answers in the order of the keys, doubles and unknown ones included', async () => {
    const cache = await store.make()
    await cache.setMany([
      ['a', 1],
      ['b', null],
      ['c', ''],
    ])
    expect(await cache.getMany(['c', 'unknown', 'a', 'b', 'a'])).toEqual(['', undefined, 1, null, 1])
    expect(await cache.getMany([])).toEqual([])
  })

  test.each([
    [
      'a Map',
      () =>
        new Map([
          ['a', 1],
          ['b', 2],
        ]),
    ],
    [
      'a generator',
      function* () {
        yield ['a', 1] as const
        yield ['b', 2] as const
      },
    ],
    [
      'an array',
      () =>
        [
          ['a', 1],
          ['b', 2],
        ] as const,
    ],
  ])('setMany takes %s, and one lifetime for all', async (_, entries) => {
    const cache = await store.make()
    expect(await cache.setMany(entries(), { ttl: 60_000 })).toBe(true)
    expect(await cache.getMany(['a', 'b'])).toEqual([1, 2])
  })

  test('setMany of a key twice stores the later value, and is no less confirmed for that', async () => {
    const cache = await store.make()
    const entries: Array<[string, number]> = [
      ['a', 1],
      ['b', 1],
      ['a', 2],
    ]
    expect(await cache.setMany(entries)).toBe(true)
    expect(await cache.get('a')).toBe(2)
  })

  test('setMany stores nothing where one of the values is refused', async () => {
    const cache = await store.make()
    await cache.set('a', 'old')
    const entries: Array<[string, unknown]> = [
      ['a', 1],
      ['b', 10n],
    ]
    await expect(cache.setMany(entries)).rejects.toMatchObject({ code: 'ERR_CACHE_INVALID_VALUE' })
    expect(await cache.getMany(['a', 'b'])).toEqual(['old', undefined])
  })

  test.each([
    ['a Set', () => new Set(['a', 'b'])],
    [
      'a generator',
      function* () {
        yield 'a'
        yield 'b'
      },
    ],
    ['an array', () => ['a', 'b']],
  ])('deleteMany takes %s', async (_, keys) => {
    const cache = await store.make()
    await cache.setMany([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ])
    expect(await cache.deleteMany(keys())).toBe(true)
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual([undefined, undefined, 3])
  })

  test('setMany and deleteMany of nothing are done at once', async () => {
    const cache = await store.make()
    expect(await cache.setMany([])).toBe(true)
    expect(await cache.deleteMany([])).toBe(true)
  })

  test('has tells a stored null from nothing', async () => {
    const cache = await store.make()
    await cache.set('null', null)
    expect(await cache.has('null')).toBe(true)
    expect(await cache.has('unknown')).toBe(false)
    await cache.delete('null')
    expect(await cache.has('null')).toBe(false)
  })

  test('clear resolves true and leaves nothing', async () => {
    const cache = await store.make()
    await cache.setMany([
      ['a', 1],
      ['b', 2],
    ])
    expect(await cache.clear()).toBe(true)
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined])
    await cache.set('a', 3)
    expect(await cache.get('a')).toBe(3)
  })

  test('clear with purge leaves nothing either, and the cache goes on', async () => {
    const cache = await store.make()
    await cache.set('a', 1)
    expect(await cache.clear({ purge: true })).toBe(true)
    expect(await cache.get('a')).toBeUndefined()
    await cache.set('a', 2)
    expect(await cache.get('a')).toBe(2)
  })

  test('getOrSet loads once and answers from the store from then on', async () => {
    const cache = await store.make()
    let loads = 0
    const load = () => {
      loads += 1
      return { n: loads }
    }
    expect(await cache.getOrSet('a', load)).toEqual({ n: 1 })
    expect(await cache.getOrSet('a', load)).toEqual({ n: 1 })
    expect(await cache.get('a')).toEqual({ n: 1 })
    expect(loads).toBe(1)
  })

  test('getOrSet tells the loader the key as the caller gave it, a signal, and nothing stale', async () => {
    const cache = await store.make()
    const view = cache.namespace('users')
    const context = await view.getOrSet('{a}:b', (context) => {
      expect(context.signal).toBeInstanceOf(AbortSignal)
      expect(context.signal.aborted).toBe(false)
      expect(context.stale).toBeUndefined()
      return { key: context.key }
    })
    expect(context).toEqual({ key: '{a}:b' })
  })

  test('getOrSet with refresh loads although there is a value, and the new one stays', async () => {
    const cache = await store.make()
    await cache.set('a', 'old')
    expect(await cache.getOrSet('a', () => 'new', { refresh: true })).toBe('new')
    expect(await cache.get('a')).toBe('new')
  })

  test('a caller who wants a refresh never shares what another found in the cache', async () => {
    const cache = await store.make()
    await cache.set('a', 'old')
    const [found, refreshed] = await Promise.all([
      cache.getOrSet('a', () => 'unused'),
      cache.getOrSet('a', () => 'new', { refresh: true }),
    ])
    expect(found).toBe('old')
    expect(refreshed).toBe('new')
    expect(await cache.get('a')).toBe('new')
  })

  test.each([
    ['larger than maxValueBytes', 'x'.repeat(200), {}],
    ['of no lifetime', 'short', { ttl: 0 }],
  ])('a refresh that brings a value %s leaves no old one behind', async (_, value, lifetime) => {
    const cache = await store.make({ maxValueBytes: 100 })
    await cache.set('a', 'old')
    expect(await cache.getOrSet('a', () => value, { refresh: true, ...lifetime })).toBe(value)
    expect(await cache.get('a')).toBeUndefined()
  })

  test('a loader that returns undefined has its answer passed on and not stored', async () => {
    const cache = await store.make()
    let loads = 0
    const load = () => {
      loads += 1
      return undefined
    }
    expect(await cache.getOrSet('a', load)).toBeUndefined()
    expect(await cache.has('a')).toBe(false)
    expect(await cache.getOrSet('a', load)).toBeUndefined()
    expect(loads).toBe(2)
  })

  test('wrap caches a function by the key made of its arguments', async () => {
    const cache = await store.make()
    const calls: unknown[] = []
    const add = cache.wrap(
      async (a: number, b: number) => {
        calls.push([a, b])
        return { sum: a + b }
      },
      { key: (a, b) => `${a}+${b}`, ttl: 60_000 },
    )
    expect(await add(1, 2)).toEqual({ sum: 3 })
    expect(await add(1, 2)).toEqual({ sum: 3 })
    expect(await add(2, 2)).toEqual({ sum: 4 })
    expect(calls).toEqual([
      [1, 2],
      [2, 2],
    ])
    expect(await cache.get('1+2')).toEqual({ sum: 3 })
  })

  test('a value larger than maxValueBytes is not stored, and does not leave the old one behind', async () => {
    const cache = await store.make({ maxValueBytes: 10 })
    // Measured as stored: with JSON's quotes.
    expect(await cache.set('a', '12345678')).toBe(true)
    expect(await cache.set('a', '123456789')).toBe(false)
    expect(await cache.get('a')).toBeUndefined()
    // In bytes, not in characters.
    expect(await cache.set('a', 'ééééé')).toBe(false)
    expect(await cache.getOrSet('a', () => 'much too long')).toBe('much too long')
    expect(await cache.has('a')).toBe(false)
  })

  test('the store of one cache is not seen by a cache of another prefix or version', async () => {
    const cache = await store.make()
    await cache.set('a', 1)
    const redis = { keyPrefix: `${cache.name}:` }
    const other = await store.make(redis)
    const versions = await Promise.all(['1', '2', 'a:b', '%'].map((version) => store.make({ ...redis, version })))
    for (const [index, version] of versions.entries()) {
      expect(await version.get('a')).toBeUndefined()
      await version.set('a', index)
    }
    for (const [index, version] of versions.entries()) expect(await version.get('a')).toBe(index)
    expect(await (await store.make()).get('a')).toBeUndefined()
    expect(await cache.get('a')).toBe(1)
    await versions[0]?.clear({ purge: true })
    expect(await versions[1]?.get('a')).toBe(1)
    expect(await cache.get('a')).toBe(1)
    await other.close()
  })
})

test('peek sees memory alone, at once', async () => {
  const cache = makeCache()
  expect(cache.peek('a')).toBeUndefined()
  await cache.set('a', 0)
  expect(cache.peek('a')).toBe(0)
  await cache.delete('a')
  expect(cache.peek('a')).toBeUndefined()
})
