import { expect, test } from 'vitest'
import { type BatchLoader, InvalidValueError, isCacheError } from '../../src/index.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { HeldBatchLoader, HeldLoader, unexpected } from './support/loads.js'
import { describeTimedStores } from './support/stores.js'

noUnhandledRejections()

const origin = new Error('origin')

describeTimedStores('getMany', (store) => {
  test('answers in the order of the keys, each as often as it was asked for', async () => {
    const { cache, another } = await store.open()
    await cache.setMany([
      ['a', 1],
      ['b', null],
      ['c', ''],
    ])
    for (const one of [cache, another()]) {
      if (one === undefined) continue
      expect(await one.getMany(['c', 'x', 'a', 'b', 'a'])).toEqual(['', undefined, 1, null, 1])
      expect(await one.getMany([])).toEqual([])
      const { hits, misses } = one.stats()
      expect([hits.memory + hits.redis, misses]).toEqual([4, 1])
    }
  })
})

describeTimedStores('getOrSetMany', (store) => {
  test('loads just the missing keys, once each, in order, in one run', async () => {
    const { cache, another } = await store.open()
    await cache.set('b', 'stored')
    const asked: Array<readonly string[]> = []
    const load: BatchLoader<string> = (keys) => {
      asked.push(keys)
      return keys.map((key) => `loaded ${key}`)
    }
    const keys = ['d', 'b', 'a', 'd', 'c', 'a']
    const expected = ['loaded d', 'stored', 'loaded a', 'loaded d', 'loaded c', 'loaded a']
    expect(await cache.getOrSetMany(keys, load)).toEqual(expected)
    expect(asked).toEqual([['d', 'a', 'c']])
    expect(await cache.getOrSetMany(keys, unexpected)).toEqual(expected)
    expect(await cache.getMany(keys)).toEqual(expected)
    if (another() !== undefined) expect(await another()?.getOrSetMany(keys, unexpected)).toEqual(expected)
    expect(cache.stats()).toMatchObject({ loads: 1, misses: 3, coalesced: 0 })
  })

  test('calls no loader where nothing is missing, or nothing asked for', async () => {
    const { cache } = await store.open()
    expect(await cache.getOrSetMany([], unexpected)).toEqual([])
    await cache.set('a', null)
    expect(await cache.getOrSetMany(['a'], unexpected)).toEqual([null])
    expect(cache.stats()).toMatchObject({ loads: 0, misses: 0 })
  })

  test('tells keys as its view names them', async () => {
    const { cache } = await store.open()
    const view = cache.namespace('n').namespace('m')
    expect(await view.getOrSetMany(['a', 'b'], (keys) => keys.map((key) => key.toUpperCase()))).toEqual(['A', 'B'])
    expect(await view.getMany(['a', 'b'])).toEqual(['A', 'B'])
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined])
  })

  test.each<[string, BatchLoader<unknown>]>([
    [
      'a Map',
      async () =>
        new Map<string, unknown>([
          ['c', 'C'],
          ['a', null],
          ['x', 'X'],
        ]),
    ],
    [
      'a Map at once',
      () =>
        new Map<string, unknown>([
          ['a', null],
          ['c', 'C'],
        ]),
    ],
    ['an array with holes', async () => [null, undefined, 'C', undefined]],
    // biome-ignore lint/suspicious/noSparseArray: that is what this is about
    ['a sparse array', () => [null, , 'C']],
    ['a longer array', () => [null, undefined, 'C', undefined, 'E', 'F']],
    ['a shorter array', () => [null, undefined, 'C']],
    ['a frozen array', () => Object.freeze([null, undefined, 'C'])],
  ])('takes %s, and stores neither what is missing nor what is undefined', async (_, load) => {
    const { cache, quiet } = await store.open()
    const keys = ['a', 'b', 'c', 'd']
    expect(await cache.getOrSetMany(keys, load)).toEqual([null, undefined, 'C', undefined])
    await quiet()
    expect(await Promise.all(keys.map((key) => cache.has(key)))).toEqual([true, false, true, false])
    const rest: string[] = []
    await cache.getOrSetMany(keys, (missing) => {
      rest.push(...missing)
      return []
    })
    expect(rest).toEqual(['b', 'd'])
    expect(await cache.has('x')).toBe(false)
  })

  test.each([undefined, null, 'ab', 5, {}, { a: 1 }, new Set(['A']), [][Symbol.iterator]()])(
    'refuses a result that is neither an array nor a Map: %s',
    async (result) => {
      const { cache } = await store.open()
      const call = cache.getOrSetMany(['a', 'b'], async () => result as never)
      await expect(call).rejects.toSatisfy(isCacheError)
      expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined])
    },
  )

  test('is not confused by a loader that sorts or empties the keys it was told', async () => {
    const { cache } = await store.open()
    const spoil: BatchLoader<string> = (keys) => {
      const values = new Map(keys.map((key) => [key, `value of ${key}`]))
      try {
        ;(keys as string[]).sort().pop()
      } catch {}
      return values
    }
    expect(await cache.getOrSetMany(['c', 'a', 'b'], spoil)).toEqual(['value of c', 'value of a', 'value of b'])
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual(['value of a', 'value of b', 'value of c'])
  })

  test('rejects with the very error of the batch loader, and stores nothing', async () => {
    for (const load of [
      () => {
        throw origin
      },
      () => Promise.reject(origin),
    ]) {
      const { cache } = await store.open()
      await cache.set('b', 'stored')
      await expect(cache.getOrSetMany(['a', 'b'], load)).rejects.toBe(origin)
      expect(await cache.getOrSetMany(['a', 'b'], () => ['again'])).toEqual(['again', 'stored'])
      expect(cache.stats()).toMatchObject({ loads: 2, errors: 0 })
    }
  })

  test('stores what it can where a value cannot be encoded, and rejects', async () => {
    const { cache, quiet } = await store.open()
    const { load, run } = new HeldBatchLoader()
    const batch = cache.getOrSetMany(['bad', 'good'], load)
    const { resolve } = await run(1)
    const good = cache.getOrSet('good', unexpected)
    const bad = cache.getOrSet('bad', unexpected)
    bad.catch(() => {})
    await quiet()
    resolve([1n, 'fine'])
    await expect(batch).rejects.toMatchObject({ code: 'ERR_CACHE_INVALID_VALUE' })
    await expect(bad).rejects.toMatchObject({ code: 'ERR_CACHE_INVALID_VALUE' })
    expect(await good).toBe('fine')
  })

  // A promise in place of a value was once stored as {}: a loader that forgot its Promise.all.
  test('refuses promises in place of values, and leaves no rejection of theirs unhandled', async () => {
    for (const load of [
      (keys: readonly string[]) => keys.map(async (key) => key),
      (keys: readonly string[]) => keys.map(() => Promise.reject(origin)),
      (keys: readonly string[]) => new Map(keys.map((key) => [key, Promise.reject(origin)])),
    ]) {
      const { cache, quiet } = await store.open()
      await expect(cache.getOrSetMany<unknown>(['a', 'b'], load)).rejects.toBeInstanceOf(InvalidValueError)
      await quiet()
      expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined])
    }
  })

  test('applies its lifetime and its tags to each key', async () => {
    const { cache, pass, quiet } = await store.open()
    await cache.getOrSetMany(['a', 'n'], () => ['A', null], { ttl: 10_000, negativeTtl: 3_000, tags: ['t'] })
    await quiet()
    expect(await cache.inspect('a')).toMatchObject({ tags: ['t'], fresh: true })
    await pass(4_000)
    expect(await cache.getMany(['a', 'n'])).toEqual(['A', undefined])
    await cache.deleteByTag('t')
    expect(await cache.getMany(['a', 'n'])).toEqual([undefined, undefined])
  })

  test('joins single loads under way, and loads only the rest', async () => {
    const { cache, quiet } = await store.open()
    const single = new HeldLoader<string>()
    const batch = new HeldBatchLoader()
    const one = cache.getOrSet('b', single.load)
    const { resolve } = await single.run(1)
    const many = cache.getOrSetMany(['a', 'b', 'c'], batch.load)
    const { keys, resolve: resolveMany } = await batch.run(1)
    expect(keys).toEqual(['a', 'c'])
    resolveMany(['A', 'C'])
    await quiet()
    resolve('B')
    expect(await one).toBe('B')
    expect(await many).toEqual(['A', 'B', 'C'])
    expect(cache.stats()).toMatchObject({ loads: 2, misses: 4, coalesced: 1 })
  })

  test('is joined by single calls and by other batches', async () => {
    const { cache, quiet } = await store.open()
    const first = new HeldBatchLoader()
    const second = new HeldBatchLoader()
    const calls = [cache.getOrSetMany(['a', 'b', 'c'], first.load)]
    const { resolve } = await first.run(1)
    calls.push(cache.getOrSetMany(['c', 'd', 'b'], second.load))
    const b = cache.getOrSet('b', unexpected)
    const rest = await second.run(1)
    expect(rest.keys).toEqual(['d'])
    rest.resolve(new Map([['d', 'D']]))
    await quiet()
    resolve(
      new Map([
        ['a', 'A'],
        ['b', 'B'],
        ['c', 'C'],
      ]),
    )
    expect(await Promise.all(calls)).toEqual([
      ['A', 'B', 'C'],
      ['C', 'D', 'B'],
    ])
    expect(await b).toBe('B')
    expect(cache.stats()).toMatchObject({ loads: 2, misses: 7, coalesced: 3 })
  })

  test('shares the failure of what it joined, and its own with who joined it', async () => {
    const { cache, quiet } = await store.open()
    const single = new HeldLoader<string>()
    const one = cache.getOrSet('b', single.load)
    const many = cache.getOrSetMany(['a', 'b'], () => ['A'])
    const settled = Promise.allSettled([one, many])
    const { reject: rejectOne } = await single.run(1)
    // Its own load has ended before the batch does: afterwards nobody would wait for it.
    await quiet()
    rejectOne(origin)
    for (const end of await settled) expect(end).toEqual({ status: 'rejected', reason: origin })
    await quiet()
    expect(await cache.get('a')).toBe('A')

    const batch = new HeldBatchLoader()
    const calls = [cache.getOrSetMany(['c', 'd'], batch.load), cache.getOrSet('d', unexpected)]
    const ends = Promise.allSettled(calls)
    const { reject } = await batch.run(1)
    await quiet()
    reject(origin)
    for (const end of await ends) expect(end).toEqual({ status: 'rejected', reason: origin })
  })

  test('loads a thousand keys in one run', async () => {
    const { cache } = await store.open()
    const keys = Array.from({ length: 1_000 }, (_, index) => `key ${index}`)
    expect(await cache.getOrSetMany(keys, (missing) => missing.map((key) => ({ key })))).toEqual(
      keys.map((key) => ({ key })),
    )
    expect(await cache.getMany(keys)).toEqual(keys.map((key) => ({ key })))
    expect(cache.stats()).toMatchObject({ loads: 1, misses: 1_000 })
  })

  // So many names in one command once overflowed the stack: the rejection was unhandled, and the keys were dead.
  test('takes 125,000 keys, and each of them can be loaded afterwards', async () => {
    const { cache } = await store.open()
    const keys = Array.from({ length: 125_000 }, (_, index) => `key ${index}`)
    const few = new Map([['key 124999', 'last']])
    const values = await cache.getOrSetMany(keys, () => few)
    expect([values.length, values[124_998], values[124_999]]).toEqual([125_000, undefined, 'last'])
    // On a busy machine all this takes longer than a lease lasts: the value is not stored then.
    const found = (await cache.getMany(keys)).filter((value) => value !== undefined)
    expect([[], ['last']]).toContainEqual(found)
    expect(await cache.getOrSet('key 5', () => 'loaded')).toBe('loaded')
    expect(await cache.getOrSet('key 124999', () => 'last')).toBe('last')
    expect(await cache.getMany(['key 5', 'key 124999'])).toEqual(['loaded', 'last'])
    expect(await cache.deleteMany(keys)).toBe(true)
    expect(await cache.getMany(['key 5', 'key 124999'])).toEqual([undefined, undefined])
  })

  // Given up by its caller, a batch once took no new passengers for the keys that nobody else waited for.
  test('goes on for one of its keys, and is still the one load of the others', async () => {
    const { cache, quiet } = await store.open()
    const { load, run } = new HeldBatchLoader()
    const controller = new AbortController()
    const many = cache.getOrSetMany(['a', 'b'], load, { signal: controller.signal })
    const { signal, resolve } = await run(1)
    const a = cache.getOrSet('a', unexpected)
    await quiet()
    controller.abort('gone')
    await expect(many).rejects.toBe('gone')
    const later = [cache.getOrSet('b', unexpected), cache.getOrSet('b', unexpected, { refresh: true })]
    const batch = cache.getOrSetMany(['b', 'a'], unexpected)
    await quiet()
    expect(signal.aborted).toBe(false)
    resolve(['A', 'B'])
    expect(await a).toBe('A')
    expect(await Promise.all(later)).toEqual(['B', 'B'])
    expect(await batch).toEqual(['B', 'A'])
    expect(cache.stats().loads).toBe(1)
  })

  // A batch rejected for one key once stayed aboard the loads of the others, which then nobody could call off.
  test('that has rejected waits for none of its keys any more', async () => {
    const { cache, quiet } = await store.open()
    const single = new HeldLoader<string>()
    const batch = new HeldBatchLoader()
    const a = cache.getOrSet('a', single.load)
    const { reject } = await single.run(1)
    const many = cache.getOrSetMany(['a', 'b'], batch.load)
    const { keys, signal } = await batch.run(1)
    expect(keys).toEqual(['b'])
    const controller = new AbortController()
    const b = cache.getOrSet('b', unexpected, { signal: controller.signal })
    const settled = Promise.allSettled([a, many, b])
    await quiet()
    reject(origin)
    await expect(many).rejects.toBe(origin)
    await quiet()
    expect(signal.aborted).toBe(false)
    controller.abort('gone')
    expect(signal.reason).toBe('gone')
    expect((await settled).map((end) => end.status === 'rejected' && end.reason)).toEqual([origin, origin, 'gone'])
  })

  test('with refresh: true loads every key, cached or not', async () => {
    const { cache, quiet } = await store.open()
    await cache.set('a', 'old')
    expect(await cache.getOrSetMany(['a', 'b'], (keys) => keys.map((key) => `new ${key}`), { refresh: true })).toEqual([
      'new a',
      'new b',
    ])
    await quiet()
    expect(await cache.getMany(['a', 'b'])).toEqual(['new a', 'new b'])
  })

  test('rejects at once with the reason of a signal that has aborted already', async () => {
    const { cache } = await store.open()
    const call = cache.getOrSetMany(['a'], unexpected, { signal: AbortSignal.abort('early') })
    await expect(call).rejects.toBe('early')
  })

  test('does not hold back what it has loaded while another load of one of its keys goes on', async () => {
    const { cache, clock, quiet } = await store.open({ ttl: 1_500 })
    const batch = new HeldBatchLoader()
    const single = new HeldLoader<string>()
    const many = cache.getOrSetMany(['a', 'b'], batch.load)
    const refresh = cache.getOrSet('a', single.load, { refresh: true })
    await quiet()
    for (const { keys, resolve } of batch.runs) resolve(keys.map((key) => `first ${key}`))
    await quiet()
    await clock.advance(1_600)
    expect(await cache.getOrSet('b', () => 'second b', { refresh: true })).toBe('second b')
    for (const { resolve } of single.runs) resolve('refreshed a')
    expect(await many).toEqual([expect.any(String), 'first b'])
    await refresh
  })
})
