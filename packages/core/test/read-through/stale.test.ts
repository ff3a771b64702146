import { describe, expect, test } from 'vitest'
import { entry, InvalidValueError, LoadTimeoutError, notModified } from '../../src/index.js'
import { makeTimedCache } from '../support/caches.js'
import { turn } from '../support/fake-clock.js'
import { makeProvider } from '../support/metrics.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { HeldBatchLoader, HeldLoader, unexpected } from './support/loads.js'
import { describeTimedStores, type Opened, type TimedStore } from './support/stores.js'

noUnhandledRejections()

const TTL = 10_000
const WINDOW = 60_000
const SWR = { ttl: TTL, staleWhileRevalidate: WINDOW }
const SIE = { ttl: TTL, staleIfError: WINDOW }
const origin = new Error('origin')

function fails(): never {
  throw origin
}

/** A cache whose key `k` is past its lifetime and within its windows. */
async function openStale(store: TimedStore, options: Parameters<TimedStore['open']>[0]): Promise<Opened> {
  const opened = await store.open(options)
  await opened.cache.set('k', 'old')
  await opened.pass(TTL + 1_000)
  return opened
}

describeTimedStores('staleWhileRevalidate', (store) => {
  test('serves the stale value at once to every caller, while one refresh runs behind', async () => {
    const { cache, quiet } = await openStale(store, SWR)
    const { load, runs, run } = new HeldLoader<string>()
    const values = await Promise.all(Array.from({ length: 100 }, () => cache.getOrSet('k', load)))
    expect(new Set(values)).toEqual(new Set(['old']))
    const { context, resolve } = await run(1)
    expect(context.stale).toBe('old')
    expect(await cache.getOrSet('k', load)).toBe('old')
    await quiet()
    expect(runs).toHaveLength(1)
    expect(cache.stats()).toMatchObject({ stale: 101, misses: 0, loads: 1, coalesced: 0 })
    resolve('new')
    await quiet()
    expect(await cache.getOrSet('k', unexpected)).toBe('new')
    expect(cache.stats().stale).toBe(101)
  })

  test('ends with its window: a later caller waits for the load', async () => {
    const opened = await openStale(store, SWR)
    await opened.pass(WINDOW)
    const { load, run } = new HeldLoader<string>()
    const call = opened.cache.getOrSet('k', load)
    const { context, resolve } = await run(1)
    expect(context.stale).toBeUndefined()
    resolve('new')
    expect(await call).toBe('new')
    expect(opened.cache.stats()).toMatchObject({ stale: 0, misses: 1 })
  })

  test('is nothing that get, getMany, has or peek would serve', async () => {
    const { cache } = await openStale(store, SWR)
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.getMany(['k'])).toEqual([undefined])
    expect(await cache.has('k')).toBe(false)
    expect(cache.peek('k')).toBeUndefined()
    expect(await cache.inspect('k')).toMatchObject({ value: 'old', fresh: false })
    expect(await cache.getOrSet('k', () => 'new')).toBe('old')
  })

  test('goes on serving when the refresh fails, and nobody hears of the failure', async () => {
    const { cache, quiet } = await openStale(store, SWR)
    for (let round = 0; round < 3; round++) {
      expect(await cache.getOrSet('k', round % 2 === 0 ? fails : () => Promise.reject(origin))).toBe('old')
      await quiet()
    }
    expect(cache.stats()).toMatchObject({ stale: 3, misses: 0, errors: 0 })
  })

  test('refreshes again after a refresh that timed out, whose late value is dropped', async () => {
    const { cache, clock, quiet } = await openStale(store, { ...SWR, loadTimeout: 100 })
    const { load, run } = new HeldLoader<string>()
    expect(await cache.getOrSet('k', load)).toBe('old')
    const { context, resolve } = await run(1)
    await clock.advance(100)
    expect(context.signal.reason).toBeInstanceOf(LoadTimeoutError)
    resolve('late')
    await quiet()
    expect(await cache.get('k')).toBeUndefined()
    // Its origin is left in peace for a second.
    expect(await cache.getOrSet('k', unexpected)).toBe('old')
    await clock.advance(1_000)
    expect(await cache.getOrSet('k', () => 'new')).toBe('old')
    await quiet()
    expect(await cache.getOrSet('k', unexpected)).toBe('new')
  })

  test('serves a stale null as it does any value', async () => {
    const { cache, pass, quiet } = await store.open(SWR)
    await cache.set('k', null)
    await pass(TTL + 1_000)
    const { load, run } = new HeldLoader<string | null>()
    expect(await cache.getOrSet('k', load)).toBeNull()
    const { context, resolve } = await run(1)
    expect(context.stale).toBeNull()
    resolve('new')
    await quiet()
    expect(await cache.get('k')).toBe('new')
  })

  test('in a batch serves what is stale and waits only for what is missing, each asked for once', async () => {
    const opened = await openStale(store, SWR)
    const { cache, quiet } = opened
    await cache.set('fresh', 'fresh')
    const { load, runs } = new HeldBatchLoader()
    const calls = [cache.getOrSetMany(['missing', 'fresh', 'k'], load), cache.getOrSetMany(['k', 'missing'], load)]
    await quiet()
    for (const { keys, resolve } of runs) resolve(keys.map((key) => `new ${key}`))
    expect(await calls[0]).toEqual(['new missing', 'fresh', 'old'])
    expect(await calls[1]).toEqual(['old', 'new missing'])
    await quiet()
    expect(runs.flatMap(({ keys }) => keys).sort()).toEqual(['k', 'missing'])
    expect(await cache.getMany(['missing', 'fresh', 'k'])).toEqual(['new missing', 'fresh', 'new k'])
  })

  test('through another view of the same key is one refresh too', async () => {
    const { cache, pass, quiet } = await store.open()
    await cache.namespace('n').set('k', 'old', SWR)
    await pass(TTL + 1_000)
    const { load, runs } = new HeldLoader<string>()
    expect(await cache.namespace('n').getOrSet('k', load)).toBe('old')
    expect(await cache.namespace('n', { ttl: 1 }).getOrSet('k', load)).toBe('old')
    await quiet()
    expect(runs).toHaveLength(1)
    runs[0]?.resolve('new')
  })
})

describeTimedStores('staleIfError', (store) => {
  const FAILURES: ReadonlyArray<readonly [string, () => string | Promise<string>]> = [
    ['throws', fails],
    ['rejects', () => Promise.reject(origin)],
    ['rejects with nothing', () => Promise.reject()],
    ['returns what cannot be stored', () => 1n as never],
    ['returns notModified for nothing it could keep', () => Promise.reject(new InvalidValueError('x'))],
  ]
  test.each(FAILURES)('serves the stale value to all waiters when the loader %s', async (_, load) => {
    const { cache } = await openStale(store, SIE)
    const values = await Promise.all(Array.from({ length: 20 }, () => cache.getOrSet('k', load)))
    expect(new Set(values)).toEqual(new Set(['old']))
    expect(cache.stats()).toMatchObject({ stale: 20, misses: 0, loads: 1, errors: 0 })
  })

  test('serves it at the deadline of a load that hangs, and the late value is dropped', async () => {
    const { cache, clock, quiet } = await openStale(store, { ...SIE, loadTimeout: 500 })
    const { load, run } = new HeldLoader<string>()
    const calls = [cache.getOrSet('k', load), cache.getOrSet('k', load)]
    const { resolve, context } = await run(1)
    await clock.advance(500)
    expect(await Promise.all(calls)).toEqual(['old', 'old'])
    expect(context.signal.aborted).toBe(true)
    resolve('late')
    await quiet()
    expect(await cache.get('k')).toBeUndefined()
  })

  test('waits for a load that succeeds', async () => {
    const { cache } = await openStale(store, SIE)
    const { load, run } = new HeldLoader<string>()
    const call = cache.getOrSet('k', load)
    const { context, resolve } = await run(1)
    expect(context.stale).toBe('old')
    resolve('new')
    expect(await call).toBe('new')
    expect(cache.stats()).toMatchObject({ stale: 0, misses: 1, loads: 1 })
  })

  test('serves it also when the entry was expired while the load ran', async () => {
    const { cache } = await openStale(store, SIE)
    const { load, run } = new HeldLoader<string>()
    const call = cache.getOrSet('k', load)
    const { reject } = await run(1)
    expect(await cache.expire('k')).toBe(true)
    reject(origin)
    expect(await call).toBe('old')
  })

  test('ends with its window: then callers get the very error of the loader', async () => {
    const opened = await openStale(store, SIE)
    await opened.pass(WINDOW)
    await expect(opened.cache.getOrSet('k', fails)).rejects.toBe(origin)
    expect(opened.cache.stats()).toMatchObject({ stale: 0, misses: 1 })
  })

  test('does not serve a value whose window ended while the load ran', async () => {
    const { cache, clock } = await openStale(store, SIE)
    const { load, run } = new HeldLoader<string>()
    const call = cache.getOrSet('k', load, { loadTimeout: 10 * WINDOW })
    call.catch(() => {})
    const { reject } = await run(1)
    await clock.advance(WINDOW)
    reject(origin)
    await expect(call).rejects.toBe(origin)
  })

  test('lasts longer or shorter than staleWhileRevalidate, each by itself', async () => {
    const opened = await store.open()
    const { cache, pass, quiet } = opened
    await cache.set('short swr', 'old', { ttl: TTL, staleWhileRevalidate: TTL, staleIfError: WINDOW })
    await cache.set('short sie', 'old', { ttl: TTL, staleWhileRevalidate: WINDOW, staleIfError: TTL })
    await pass(TTL + TTL + 1_000)
    const { load, run } = new HeldLoader<string>()
    const call = cache.getOrSet('short swr', load)
    ;(await run(1)).reject(origin)
    expect(await call).toBe('old')
    expect(await cache.getOrSet('short sie', fails)).toBe('old')
    await quiet()
    await expect(cache.getOrSet('short sie', fails, { refresh: true })).rejects.toBe(origin)
  })

  test('asks a failing origin again after 1 s, then after twice as long each time, up to 30 s', async () => {
    const { cache, clock, quiet } = await openStale(store, { ttl: TTL, staleIfError: 10 * WINDOW })
    let asked = 0
    const load = () => {
      asked += 1
      return Promise.reject(origin)
    }
    const ask = async (): Promise<number> => {
      const before = asked
      const values = await Promise.all(Array.from({ length: 5 }, () => cache.getOrSet('k', load)))
      for (const value of values) expect(value).toBe('old')
      await quiet()
      return asked - before
    }
    expect(await ask()).toBe(1)
    for (const pause of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]) {
      expect(await ask(), `at once before ${pause}`).toBe(0)
      await clock.advance(pause - 1)
      expect(await ask(), `just before ${pause}`).toBe(0)
      await clock.advance(1)
      expect(await ask(), `after ${pause}`).toBe(1)
    }
    expect(cache.stats()).toMatchObject({ loads: 9, misses: 0, errors: 0, stale: (1 + 8 * 3) * 5 })
  })

  test('begins anew with 1 s once the origin has recovered', async () => {
    const opened = await openStale(store, { ttl: TTL, staleIfError: 10 * WINDOW })
    const { cache, clock, pass, quiet } = opened
    for (const pause of [1_000, 2_000]) {
      expect(await cache.getOrSet('k', fails)).toBe('old')
      await clock.advance(pause)
    }
    expect(await cache.getOrSet('k', () => 'recovered')).toBe('recovered')
    await quiet()
    await pass(TTL + 1_000)
    expect(await cache.getOrSet('k', fails)).toBe('recovered')
    await clock.advance(1_000)
    const { load, run } = new HeldLoader<string>()
    const call = cache.getOrSet('k', load)
    ;(await run(1)).resolve('again')
    expect(await call).toBe('again')
  })

  test('leaves the origin in peace for that key alone, and only while there is something to serve', async () => {
    const { cache } = await openStale(store, SIE)
    expect(await cache.getOrSet('k', fails)).toBe('old')
    expect(await cache.getOrSet('other', () => 'other')).toBe('other')
    expect(await cache.delete('k')).toBe(true)
    expect(await cache.getOrSet('k', () => 'new')).toBe('new')
  })

  test('is not held back where nothing can be served: each caller gets a load and its failure', async () => {
    const { cache } = await store.open(SIE)
    for (let round = 0; round < 3; round++) await expect(cache.getOrSet('k', fails)).rejects.toBe(origin)
    expect(cache.stats()).toMatchObject({ loads: 3, misses: 3, stale: 0 })
  })

  test('with staleWhileRevalidate leaves a failing origin in peace too', async () => {
    const { cache, clock, quiet } = await openStale(store, { ...SWR, ...SIE })
    let asked = 0
    const load = () => {
      asked += 1
      return fails()
    }
    for (let round = 0; round < 5; round++) {
      expect(await cache.getOrSet('k', load)).toBe('old')
      await quiet()
    }
    expect(asked).toBe(1)
    await clock.advance(1_000)
    for (let round = 0; round < 5; round++) {
      expect(await cache.getOrSet('k', load)).toBe('old')
      await quiet()
    }
    expect(asked).toBe(2)
  })

  test('in a batch serves only where every missing key can be served', async () => {
    const opened = await openStale(store, SIE)
    const { cache, clock } = opened
    await expect(cache.getOrSetMany(['k', 'missing'], fails)).rejects.toBe(origin)
    await clock.advance(1_000)
    expect(await cache.getOrSetMany(['k'], fails)).toEqual(['old'])
    await cache.set('fresh', 'fresh')
    expect(await cache.getOrSetMany(['fresh', 'k'], fails)).toEqual(['fresh', 'old'])
  })
})

describeTimedStores('a failing origin', (store) => {
  const LASTING = { ttl: TTL, staleWhileRevalidate: 10 * WINDOW, staleIfError: 10 * WINDOW }
  const bare = { ...LASTING, staleWhileRevalidate: 0, staleIfError: 0 }
  const WAYS: ReadonlyArray<readonly [string, Parameters<TimedStore['open']>[0], () => unknown]> = [
    ['with staleWhileRevalidate alone', { ...bare, staleWhileRevalidate: 10 * WINDOW }, fails],
    ['with both windows', LASTING, fails],
    ['whose value cannot be encoded, with both windows', LASTING, () => 1n],
    ['whose value cannot be encoded, with staleIfError alone', { ...bare, staleIfError: 10 * WINDOW }, () => 1n],
    ['that decides on a lifetime that is none', LASTING, () => entry('new', { ttl: -1 })],
    ['that says notModified with nonsense', LASTING, () => notModified({ tags: [''] })],
  ]

  // Without staleIfError, and for a failure after the load, every single call once asked the origin again.
  test.each(WAYS)('%s is left in peace for 1 s, then for twice as long', async (_, options, load) => {
    const { cache, clock, quiet } = await openStale(store, options)
    let asked = 0
    const ask = async (): Promise<number> => {
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
    expect(await ask()).toBe(1)
    for (const pause of [1_000, 2_000, 4_000]) {
      await clock.advance(pause - 1)
      expect(await ask(), `just before ${pause}`).toBe(0)
      await clock.advance(1)
      expect(await ask(), `after ${pause}`).toBe(1)
    }
  })

  // A stale serve once said `revalidating` while nothing did.
  test('is told by the reason of what is served stale meanwhile', async () => {
    const { provider, cumulative } = makeProvider()
    const opened = await openStale(store, { ...LASTING, loadTimeout: 100, meterProvider: provider })
    const { cache, clock, quiet } = opened
    const reasons = async (): Promise<unknown> => {
      const told = (await cumulative.read()).counts('redis_cache_stale_total', 'reason')
      return Object.fromEntries(Object.entries(told).filter(([, count]) => count > 0))
    }
    const serve = async (load: () => never | Promise<never>): Promise<void> => {
      expect(await cache.getOrSet('k', load)).toBe('old')
      await quiet()
    }
    for (let round = 0; round < 3; round++) await serve(fails)
    expect(await reasons()).toEqual({ revalidating: 1, error: 2 })
    await clock.advance(1_000)
    await serve(() => new Promise<never>(() => {}))
    await clock.advance(100)
    for (let round = 0; round < 3; round++) await serve(unexpected)
    expect(await cache.getOrSetMany(['k'], unexpected)).toEqual(['old'])
    expect(await reasons()).toEqual({ revalidating: 2, error: 2, timeout: 4 })
  })

  // The pause of the value before once outlived a change of the key.
  test.each(['set', 'expire', 'refresh: true'] as const)('is asked again after a %s', async (change) => {
    const { cache, clock, pass, quiet } = await openStale(store, LASTING)
    for (const pause of [1_000, 2_000, 4_000, 0]) {
      expect(await cache.getOrSet('k', fails)).toBe('old')
      await quiet()
      await clock.advance(pause)
    }
    expect(await cache.getOrSet('k', unexpected)).toBe('old')
    if (change === 'expire') await cache.expire('k')
    else if (change === 'set') await cache.set('k', 'set', { ttl: 1_500 })
    else await cache.getOrSet('k', () => 'set', { refresh: true, ttl: 1_500 })
    await quiet()
    await pass(1_600)
    const { load, runs } = new HeldLoader<string>()
    expect(await cache.getOrSet('k', load)).toBe(change === 'expire' ? 'old' : 'set')
    await quiet()
    expect(runs).toHaveLength(1)
    runs[0]?.resolve('new')
    await quiet()
    expect(await cache.get('k')).toBe('new')
  })
})

describeTimedStores('deadlines', (store) => {
  test('softLoadTimeout serves stale after it, and the load goes on behind and is stored', async () => {
    const { cache, clock, quiet } = await openStale(store, { ...SIE, softLoadTimeout: 50 })
    const { load, runs, run } = new HeldLoader<string>()
    const early = cache.getOrSet('k', load)
    const { resolve, context } = await run(1)
    await clock.advance(30)
    const later = cache.getOrSet('k', load)
    const patient = cache.getOrSet('k', load, { softLoadTimeout: 10_000 })
    await quiet()
    await clock.advance(20)
    expect(await early).toBe('old')
    await clock.advance(30)
    expect(await later).toBe('old')
    expect(context.signal.aborted).toBe(false)
    resolve('new')
    expect(await patient).toBe('new')
    await quiet()
    expect(await cache.get('k')).toBe('new')
    expect(runs).toHaveLength(1)
    expect(cache.stats()).toMatchObject({ stale: 2, misses: 1, loads: 1 })
  })

  test('softLoadTimeout waits where nothing stale can be served, and gives way to a load that is faster', async () => {
    const opened = await openStale(store, { ...SIE, softLoadTimeout: 50 })
    const { cache, clock } = opened
    const missing = new HeldLoader<string>()
    const calls = [cache.getOrSet('missing', missing.load)]
    const first = await missing.run(1)
    await clock.advance(1_000)
    first.resolve('loaded')
    expect(await calls[0]).toBe('loaded')
    const fast = new HeldLoader<string>()
    const call = cache.getOrSet('k', fast.load)
    const { resolve } = await fast.run(1)
    await clock.advance(49)
    resolve('new')
    expect(await call).toBe('new')
    expect(clock.pending).toBe(0)
  })

  test('softLoadTimeout serves nothing whose window has ended meanwhile', async () => {
    const { cache, pass, clock } = await store.open({ ttl: TTL, staleIfError: 5_000 })
    await cache.set('k', 'old')
    await pass(TTL + 3_000)
    const { load, run } = new HeldLoader<string>()
    const call = cache.getOrSet('k', load, { softLoadTimeout: 4_000 })
    const { resolve } = await run(1)
    await clock.advance(4_000)
    resolve('new')
    expect(await call).toBe('new')
  })

  test('a load that fails behind a soft deadline is no unhandled rejection, and is left in peace', async () => {
    const { cache, clock, quiet } = await openStale(store, { ...SIE, softLoadTimeout: 50 })
    const { load, runs, run } = new HeldLoader<string>()
    const call = cache.getOrSet('k', load)
    const { reject } = await run(1)
    await clock.advance(50)
    expect(await call).toBe('old')
    reject(origin)
    await quiet()
    expect(await cache.getOrSet('k', load)).toBe('old')
    expect(runs).toHaveLength(1)
  })

  test('loadTimeout rejects with LoadTimeoutError where nothing stale can be served', async () => {
    const { cache, clock, quiet, another } = await store.open({ loadTimeout: 100 })
    const { load, run } = new HeldLoader<string>()
    const calls = [cache.getOrSet('k', load), cache.getOrSet('k', load, { loadTimeout: 5 })]
    const settled = Promise.allSettled(calls)
    const { context, resolve } = await run(1)
    await quiet()
    await clock.advance(99)
    expect(context.signal.aborted).toBe(false)
    await clock.advance(1)
    for (const end of await settled) {
      expect(end.status === 'rejected' && end.reason).toBeInstanceOf(LoadTimeoutError)
      expect(end.status === 'rejected' && end.reason).toBe(context.signal.reason)
    }
    resolve('late')
    await quiet()
    expect(await cache.get('k')).toBeUndefined()
    if (another() !== undefined) expect(await another()?.get('k')).toBeUndefined()
    expect(await cache.getOrSet('k', () => 'new')).toBe('new')
    expect(clock.pending).toBe(0)
  })

  test('a batch has the same deadlines', async () => {
    const { cache, clock, quiet } = await openStale(store, { ...SIE, softLoadTimeout: 50, loadTimeout: 100 })
    const { load, run } = new HeldBatchLoader()
    const call = cache.getOrSetMany(['k'], load)
    const { resolve } = await run(1)
    await clock.advance(50)
    expect(await call).toEqual(['old'])
    resolve(['new'])
    await quiet()
    expect(await cache.get('k')).toBe('new')

    const hanging = cache.getOrSetMany(['a', 'b'], load)
    hanging.catch(() => {})
    const { signal } = await run(2)
    await clock.advance(100)
    await expect(hanging).rejects.toBeInstanceOf(LoadTimeoutError)
    expect(signal.reason).toBeInstanceOf(LoadTimeoutError)
  })
})

describeTimedStores('notModified', (store) => {
  test('keeps the stale value, fresh again for the lifetime of the call', async () => {
    const opened = await openStale(store, SIE)
    const { cache, another, pass, quiet } = opened
    expect(await cache.getOrSet('k', () => notModified())).toBe('old')
    await quiet()
    expect(await cache.getOrSet('k', unexpected)).toBe('old')
    expect(await cache.inspect('k')).toMatchObject({ value: 'old', fresh: true })
    if (another() !== undefined) expect(await another()?.get('k')).toBe('old')
    await pass(TTL - 2_000)
    expect(await cache.get('k')).toBe('old')
    await pass(3_000)
    expect(await cache.get('k')).toBeUndefined()
  })

  test('takes the lifetime it is given, and the tags', async () => {
    const { cache, pass, quiet } = await store.open(SIE)
    await cache.set('k', 'old', { tags: ['kept'] })
    await pass(TTL + 1_000)
    expect(await cache.getOrSet('k', () => notModified({ ttl: 3 * TTL }))).toBe('old')
    await quiet()
    expect(await cache.inspect('k')).toMatchObject({ tags: ['kept'] })
    await pass(2 * TTL)
    expect(await cache.get('k')).toBe('old')
    await pass(2 * TTL)
    expect(await cache.getOrSet('k', () => notModified({ tags: ['other'] }))).toBe('old')
    await quiet()
    expect(await cache.inspect('k')).toMatchObject({ tags: ['other'] })
    expect(await cache.deleteByTag('kept')).toBe(true)
    expect(await cache.get('k')).toBe('old')
    expect(await cache.deleteByTag('other')).toBe(true)
    expect(await cache.get('k')).toBeUndefined()
  })

  test('behind a stale value makes it fresh without anybody waiting', async () => {
    const { cache, quiet } = await openStale(store, SWR)
    expect(await cache.getOrSet('k', () => notModified())).toBe('old')
    await quiet()
    expect(await cache.get('k')).toBe('old')
  })

  test('keeps a null for its own lifetime', async () => {
    const { cache, pass, quiet } = await store.open({ ...SIE, negativeTtl: 3_000 })
    await cache.set('k', null)
    await pass(4_000)
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.getOrSet<unknown>('k', () => notModified())).toBeNull()
    await quiet()
    expect(await cache.get('k')).toBeNull()
    await pass(4_000)
    expect(await cache.get('k')).toBeUndefined()
  })

  test('without a stale value is an InvalidValueError', async () => {
    const { cache } = await store.open(SIE)
    await expect(cache.getOrSet('k', () => notModified())).rejects.toBeInstanceOf(InvalidValueError)
    expect(await cache.get('k')).toBeUndefined()
    const opened = await openStale(store, SIE)
    await opened.pass(WINDOW)
    await expect(opened.cache.getOrSet('k', () => notModified({ ttl: 5 }))).rejects.toBeInstanceOf(InvalidValueError)
  })

  test('of a value that was deleted meanwhile brings nothing back', async () => {
    for (const change of ['delete', 'clear', 'deleteByTag'] as const) {
      const { cache, pass, quiet } = await store.open({ ...SIE, tags: ['t'] })
      await cache.set('k', 'old')
      await cache.expire('k')
      await pass(1_001)
      const { load, run } = new HeldLoader<unknown>()
      const call = cache.getOrSet('k', load)
      const { resolve } = await run(1)
      await { delete: () => cache.delete('k'), clear: () => cache.clear(), deleteByTag: () => cache.deleteByTag('t') }[
        change
      ]()
      resolve(notModified())
      expect(await call).toBe('old')
      await quiet()
      expect(await cache.get('k'), change).toBeUndefined()
    }
  })

  test('with refresh: true keeps a value that was still fresh', async () => {
    const { cache, pass, quiet } = await store.open({ ttl: TTL })
    await cache.set('k', 'value')
    await pass(TTL / 2)
    expect(await cache.getOrSet<unknown>('k', () => notModified(), { refresh: true })).toBe('value')
    await quiet()
    await pass(TTL - 2_000)
    expect(await cache.get('k')).toBe('value')
  })
})

describe('in memory, to the millisecond', () => {
  const EDGES = { ttl: 100, staleWhileRevalidate: 50, staleIfError: 80, jitter: 0 }

  test.each([
    [99, { get: 'old', getOrSet: 'old', loads: 0 }],
    [100, { get: undefined, getOrSet: 'old', loads: 1 }],
    [149, { get: undefined, getOrSet: 'old', loads: 1 }],
    [150, { get: undefined, getOrSet: 'old', loads: 1 }],
    [179, { get: undefined, getOrSet: 'old', loads: 1 }],
    [180, { get: undefined, getOrSet: origin, loads: 1 }],
  ])('after %i ms', async (age, expected) => {
    const { cache, clock } = makeTimedCache(EDGES)
    await cache.set('k', 'old')
    await clock.advance(age)
    const get = await cache.get('k')
    const getOrSet = await cache.getOrSet('k', fails).catch((error: unknown) => error)
    await turn()
    expect({ get, getOrSet, loads: cache.stats().loads }).toEqual(expected)
  })

  test('a stale value is served at once only within staleWhileRevalidate', async () => {
    for (const [age, atOnce] of [
      [149, true],
      [150, false],
    ] as const) {
      const { cache, clock } = makeTimedCache(EDGES)
      await cache.set('k', 'old')
      await clock.advance(age)
      let value: unknown
      const { load, run } = new HeldLoader<string>()
      cache.getOrSet('k', load).then((result) => {
        value = result
      })
      const { resolve } = await run(1)
      await turn()
      expect(value).toBe(atOnce ? 'old' : undefined)
      resolve('new')
      await turn()
      expect(await cache.get('k')).toBe('new')
    }
  })

  test('windows of zero serve nothing, and Infinity serves for ever', async () => {
    const { cache, clock } = makeTimedCache({ jitter: 0 })
    await cache.set('none', 1, { ttl: 10 })
    await cache.set('swr', 1, { ttl: 10, staleWhileRevalidate: Number.POSITIVE_INFINITY })
    await cache.set('sie', 1, { ttl: 10, staleIfError: Number.POSITIVE_INFINITY })
    await clock.advance(1e12)
    await expect(cache.getOrSet('none', fails)).rejects.toBe(origin)
    expect(await cache.getOrSet('swr', fails)).toBe(1)
    expect(await cache.getOrSet('sie', fails)).toBe(1)
  })
})

describeTimedStores('expire', (store) => {
  test('leaves the windows to run from now', async () => {
    const { cache, pass } = await store.open({ ttl: 10 * TTL, staleIfError: TTL, staleWhileRevalidate: 0 })
    await cache.set('k', 'old')
    await pass(5_000)
    await cache.expire('k')
    await pass(1_001)
    expect(await cache.inspect('k')).toMatchObject({ value: 'old', fresh: false })
    await pass(TTL - 4_000)
    expect(await cache.getOrSet('k', fails)).toBe('old')
    await pass(5_000)
    await expect(cache.getOrSet('k', fails)).rejects.toBe(origin)
  })

  test('removes what has no windows, and is true for what is not there', async () => {
    const { cache } = await store.open()
    expect(await cache.expire('k')).toBe(true)
    await cache.set('k', 1)
    expect(await cache.expire('k')).toBe(true)
    expect(await cache.inspect('k')).toBeUndefined()
    expect(await cache.getOrSet('k', () => 2)).toBe(2)
  })

  test('does not make a stale value younger', async () => {
    const opened = await openStale(store, { ttl: TTL, staleIfError: 5_000 })
    const { cache, pass } = opened
    await cache.expire('k')
    await pass(1_001)
    await pass(3_500)
    await expect(cache.getOrSet('k', fails)).rejects.toBe(origin)
  })

  test('keeps the tags, the age and the value', async () => {
    const { cache, pass } = await store.open({ ttl: TTL, staleIfError: WINDOW, tags: ['t'] })
    await cache.set('k', { deep: ['value'] })
    await pass(3_000)
    await cache.expire('k')
    await pass(1_001)
    const found = await cache.inspect('k')
    expect(found).toMatchObject({ value: { deep: ['value'] }, fresh: false, tags: ['t'] })
    expect(found?.age).toBeGreaterThanOrEqual(3_000)
    await cache.deleteByTag('t')
    expect(await cache.inspect('k')).toBeUndefined()
  })
})
