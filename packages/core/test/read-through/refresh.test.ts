import { describe, expect, test } from 'vitest'
import type { CacheOptions } from '../../src/index.js'
import { type FakeEnvironment, fakeEnvironment } from '../support/environment.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { HeldBatchLoader, HeldLoader, unexpected } from './support/loads.js'
import { describeTimedStores, type Opened, type TimedStore } from './support/stores.js'

noUnhandledRejections()

const origin = new Error('origin')

describeTimedStores('refresh: true', (store) => {
  test('loads in spite of what is cached, and replaces it everywhere', async () => {
    const { cache, another, quiet } = await store.open()
    await cache.set('k', 'old')
    expect(await cache.getOrSet('k', () => 'new', { refresh: true })).toBe('new')
    await quiet()
    expect(await cache.get('k')).toBe('new')
    if (another() !== undefined) expect(await another()?.get('k')).toBe('new')
    expect(cache.stats()).toMatchObject({ loads: 1, misses: 1 })
  })

  test('of many callers is one load', async () => {
    const { cache, quiet } = await store.open()
    await cache.set('k', 'old')
    const { load, runs } = new HeldLoader<string>()
    const calls = Array.from({ length: 10 }, () => cache.getOrSet('k', load, { refresh: true }))
    await quiet()
    const later = cache.getOrSet('k', load, { refresh: true })
    await quiet()
    expect(runs).toHaveLength(1)
    runs[0]?.resolve('new')
    expect(new Set(await Promise.all([...calls, later]))).toEqual(new Set(['new']))
  })

  test('joins a load that is under way, and is never a second one beside it', async () => {
    for (const order of ['plain first', 'refresh first'] as const) {
      const { cache, quiet } = await store.open()
      const { load, runs } = new HeldLoader<string>()
      const plain = () => cache.getOrSet('k', load)
      const refresh = () => cache.getOrSet('k', load, { refresh: true })
      const calls = order === 'plain first' ? [plain(), refresh()] : [refresh(), plain()]
      await quiet()
      calls.push(plain(), refresh())
      await quiet()
      expect(runs, order).toHaveLength(1)
      runs[0]?.resolve('new')
      expect(await Promise.all(calls)).toEqual(['new', 'new', 'new', 'new'])
    }
  })

  test('does not hold up who is content with what is cached', async () => {
    const { cache, clock, quiet } = await store.open({ ttl: 60_000 })
    await cache.set('k', 'old')
    const { load, run } = new HeldLoader<string>()
    const refresh = cache.getOrSet('k', load, { refresh: true })
    const { resolve } = await run(1)
    const content: unknown[] = []
    const ask = async (): Promise<void> => {
      cache.getOrSet('k', unexpected).then((value) => content.push(value))
      cache.getOrSet('k', unexpected, { ttl: 1 }).then((value) => content.push(value))
      cache.getOrSetMany(['k'], unexpected).then((values) => content.push(...values))
      await quiet()
    }
    await ask()
    expect(content).toEqual(['old', 'old', 'old'])
    // Past the proof of what memory holds in front of Redis, too.
    await clock.advance(2_001)
    await ask()
    expect(content).toHaveLength(6)
    resolve('new')
    expect(await refresh).toBe('new')
  })

  test('that fails is told to who asked for it alone, and leaves what is cached', async () => {
    const { cache, quiet } = await store.open()
    await cache.set('k', 'old')
    const { load, run } = new HeldLoader<string>()
    const refresh = cache.getOrSet('k', load, { refresh: true })
    const { reject } = await run(1)
    const content = cache.getOrSet('k', unexpected)
    await quiet()
    reject(origin)
    await expect(refresh).rejects.toBe(origin)
    expect(await content).toBe('old')
    expect(await cache.getOrSet('k', unexpected)).toBe('old')
  })

  test('that fails is served stale within staleIfError', async () => {
    const { cache } = await store.open({ staleIfError: 60_000 })
    await cache.set('k', 'old')
    expect(await cache.getOrSet('k', () => Promise.reject(origin), { refresh: true })).toBe('old')
    expect(cache.stats()).toMatchObject({ stale: 1, misses: 0, loads: 1 })
  })

  test('gets nothing that was cached, also when the key is set meanwhile', async () => {
    const { cache, quiet } = await store.open()
    await cache.set('k', 'old')
    const load = (): string => 'loaded'
    const calls = [
      cache.getOrSet('k', load, { refresh: true }),
      cache.getOrSetMany(['k'], () => ['loaded'], { refresh: true }).then(([value]) => value),
    ]
    const set = cache.set('k', 'set', { tags: ['first of its name'] })
    const plain = cache.getOrSet('k', load)
    for (const value of await Promise.all(calls)) expect(value).not.toBe('old')
    expect(await set).toBe(true)
    await plain
    await quiet()
    expect(await cache.get('k')).not.toBe('old')
  })
})

/** Half: the logarithm is the same whichever end an implementation draws from. */
let random = 0.5

/** A cache in which `k` took a second to load, and has nine to live. At `random` 0.5 it is due 0.69 s before its end. */
async function openLoaded(store: TimedStore, options: Partial<CacheOptions> = {}): Promise<Opened> {
  random = 0.5
  const environment: FakeEnvironment = fakeEnvironment(() => random)
  const opened = await store.open({ earlyRefresh: true, ttl: 9_000, ...options }, environment)
  const { cache, clock, quiet } = opened
  const { load, run } = new HeldLoader<string>()
  const loading = cache.getOrSet('k', load)
  const { resolve } = await run(1)
  await clock.advance(1_000)
  resolve('old')
  expect(await loading).toBe('old')
  await quiet()
  return opened
}

const NOT_DUE = 8_150
const DUE = 8_450

describeTimedStores('early refresh', (store) => {
  test('is off unless asked for', async () => {
    for (const earlyRefresh of [undefined, false] as const) {
      const { cache, pass, quiet } = await openLoaded(store, { earlyRefresh: earlyRefresh ?? false })
      random = 0.999_999_999
      await pass(8_900)
      expect(await cache.getOrSet('k', unexpected)).toBe('old')
      await quiet()
      expect(cache.stats().loads).toBe(1)
    }
  })

  test('is due the nearer the end, the longer the load took', async () => {
    for (const [age, loads] of [
      [NOT_DUE, 1],
      [DUE, 2],
    ] as const) {
      const { cache, pass, quiet } = await openLoaded(store)
      await pass(age)
      expect(await cache.getOrSet('k', () => 'new')).toBe('old')
      await quiet()
      expect(cache.stats().loads, `${age}`).toBe(loads)
      expect(await cache.get('k')).toBe(loads === 1 ? 'old' : 'new')
    }
  })

  test('is due earlier with a greater beta, and later with a smaller one', async () => {
    for (const [beta, loads] of [
      [0.5, 1],
      [3, 2],
    ] as const) {
      const { cache, pass, quiet } = await openLoaded(store, { earlyRefresh: { beta } })
      await pass(beta < 1 ? DUE : 7_200)
      await cache.getOrSet('k', () => 'new')
      await quiet()
      expect(cache.stats().loads, `${beta}`).toBe(loads)
    }
  })

  test('is never due for what took no time to load, or was set, or lives for ever', async () => {
    const { cache, pass, quiet } = await openLoaded(store)
    random = 0.999
    await cache.set('set', 1)
    await cache.getOrSet('at once', () => 1)
    await cache.set('ever', 1, { ttl: Number.POSITIVE_INFINITY })
    await quiet()
    await pass(8_800)
    for (const key of ['set', 'at once', 'ever']) expect(await cache.getOrSet(key, unexpected)).toBe(1)
    await quiet()
  })

  test('is one load behind many callers, who all get what is cached', async () => {
    const { cache, clock, pass, quiet } = await openLoaded(store)
    await pass(DUE)
    const { load, runs } = new HeldLoader<string>()
    const values = await Promise.all(Array.from({ length: 50 }, () => cache.getOrSet('k', load)))
    expect(new Set(values)).toEqual(new Set(['old']))
    await quiet()
    expect(runs).toHaveLength(1)
    // It is not waited for by those who come while it runs, either.
    const content: unknown[] = []
    cache.getOrSet('k', load).then((value) => content.push(value))
    await quiet()
    expect(content).toEqual(['old'])
    expect(cache.stats()).toMatchObject({ loads: 2, misses: 1, stale: 0 })
    await clock.advance(100)
    runs[0]?.resolve('new')
    await quiet()
    expect(await cache.getOrSet('k', unexpected)).toBe('new')
    expect(runs).toHaveLength(1)
  })

  test('that fails hurts nobody, and what is cached stays until its end', async () => {
    for (const fail of [() => Promise.reject(origin), () => Promise.reject()]) {
      const { cache, pass, quiet } = await openLoaded(store)
      await pass(DUE)
      expect(await cache.getOrSet('k', fail)).toBe('old')
      await quiet()
      expect(await cache.get('k')).toBe('old')
      expect(cache.stats().errors).toBe(0)
    }
  })

  // Each hit after the first failure once asked the origin again, until the entry's end.
  test('that fails leaves the origin in peace for 1 s, also where nothing may be served stale', async () => {
    const { cache, clock, pass, quiet } = await openLoaded(store, { ttl: 30_000 })
    // Once loaded in 1,000 ms it is due from 30,000 - 0.69 * 1,000 on; a great load makes it due all along.
    random = 1 - Number.EPSILON
    await pass(10_000)
    let asked = 0
    const ask = async (load: () => unknown): Promise<number> => {
      const before = asked
      for (let round = 0; round < 5; round++) {
        const value = await cache.getOrSet('k', async () => {
          asked += 1
          return load() as string
        })
        expect(value).toBe('old')
        await quiet()
      }
      return asked - before
    }
    const fail = () => Promise.reject(origin)
    expect(await ask(fail)).toBe(1)
    await clock.advance(999)
    expect(await ask(fail)).toBe(0)
    await clock.advance(1)
    expect(await ask(() => 1n)).toBe(1)
    await clock.advance(1_999)
    expect(await ask(fail)).toBe(0)
    await clock.advance(1)
    expect(await cache.getOrSet('k', () => 'new')).toBe('old')
    await quiet()
    expect(await cache.get('k')).toBe('new')
  })

  test('through wrap is the same', async () => {
    const opened = await openLoaded(store)
    const { cache, pass, quiet } = opened
    await pass(DUE)
    expect(await cache.wrap(() => 'new', { key: () => 'k' })()).toBe('old')
    await quiet()
    expect(await cache.get('k')).toBe('new')
  })
})

describe('a batch', () => {
  describeTimedStores('that finds something due', (store) => {
    test('gets what is cached, while one batch refreshes just what is due', async () => {
      const { cache, pass, quiet } = await openLoaded(store)
      await pass(DUE)
      await cache.set('fresh', 'as it was')
      const { load, runs } = new HeldBatchLoader()
      expect(await cache.getOrSetMany(['k', 'fresh'], load)).toEqual(['old', 'as it was'])
      await quiet()
      expect(runs.map(({ keys }) => keys)).toEqual([['k']])
      for (const { keys, resolve } of runs) resolve(keys.map(() => 'new'))
      await quiet()
      expect(await cache.get('k')).toBe('new')
    })
  })
})
