import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { type Cache, entry, LoadTimeoutError } from '../src/index.js'
import { makeCache, makeTimedCache } from './support/caches.js'
import { turn } from './support/fake-clock.js'
import { describeStores } from './support/stores.js'
import { noUnhandledRejections } from './support/unhandled.js'
import { deferred } from './support/until.js'

noUnhandledRejections()

/** A loader that is held open, and counts its runs. */
function heldLoader<T>() {
  const runs: Array<ReturnType<typeof deferred<T>>> = []
  let begun = deferred()
  return {
    load: (): Promise<T> => {
      const run = deferred<T>()
      runs.push(run)
      begun.resolve()
      begun = deferred()
      return run.promise
    },
    runs,
    /** Resolves once the load that is under way, or the next one, runs. */
    async running(count: number): Promise<void> {
      while (runs.length < count) await begun.promise
    },
  }
}

describeStores('one load a key', (store) => {
  test('1,000 concurrent callers make one load and get its value', async () => {
    const cache = await store.make()
    let loads = 0
    const load = async () => {
      loads += 1
      await turn()
      return { loads }
    }
    const values = await Promise.all(Array.from({ length: 1_000 }, () => cache.getOrSet('a', load)))
    expect(loads).toBe(1)
    expect(values).toHaveLength(1_000)
    for (const value of values) expect(value).toEqual({ loads: 1 })
    expect(cache.stats()).toMatchObject({ loads: 1, misses: 1_000, coalesced: 999 })
  })

  test('callers who come later in the load join it, and different keys do not wait for each other', async () => {
    const cache = await store.make()
    const { load, runs, running } = heldLoader<string>()
    const early = cache.getOrSet('a', load)
    await running(1)
    const late = cache.getOrSet('a', load)
    expect(await cache.getOrSet('b', () => 'b')).toBe('b')
    runs[0]?.resolve('a')
    expect(await Promise.all([early, late])).toEqual(['a', 'a'])
    expect(runs).toHaveLength(1)
  })

  test.each([
    ['an Error', new Error('origin')],
    ['a string', 'origin'],
    ['undefined', undefined],
    ['null', null],
  ])('a failure is shared, as the very thing the loader threw: %s', async (_, failure) => {
    const cache = await store.make()
    let loads = 0
    const load = async (): Promise<string> => {
      loads += 1
      await turn()
      throw failure
    }
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => cache.getOrSet('a', load)))
    for (const result of results) expect(result.status === 'rejected' && result.reason === failure).toBe(true)
    expect(loads).toBe(1)
    expect(await cache.getOrSet('a', () => 'recovered')).toBe('recovered')
    expect(cache.stats().errors).toBe(0)
  })

  test('a loader that throws at once is like one that rejects', async () => {
    const cache = await store.make()
    const failure = new Error('at once')
    const load = (): string => {
      throw failure
    }
    await expect(cache.getOrSet('a', load)).rejects.toBe(failure)
    await expect(cache.wrap(load, { key: () => 'a' })()).rejects.toBe(failure)
    expect(await cache.getOrSet('a', () => 1)).toBe(1)
  })

  test('a refused value is refused to every waiter, and the next call loads again', async () => {
    const cache = await store.make()
    const load = async (): Promise<unknown> => {
      await turn()
      return 1n
    }
    const results = await Promise.allSettled([cache.getOrSet('a', load), cache.getOrSet('a', load)])
    for (const result of results) expect(result).toMatchObject({ reason: { code: 'ERR_CACHE_INVALID_VALUE' } })
    expect(await cache.getOrSet('a', () => 1)).toBe(1)
  })

  test('a lifetime from the loader that is none is refused by name', async () => {
    const cache = await store.make()
    const refusal = cache.getOrSet('a', () => entry(1, { ttl: -1 }))
    await expect(refusal).rejects.toMatchObject({ code: 'ERR_CACHE_INVALID_OPTION' })
    await expect(refusal).rejects.toThrow(/loader.*ttl.*-1/)
    expect(await cache.has('a')).toBe(false)
  })

  type Change = readonly [string, (cache: Cache) => Promise<unknown>, unknown]
  const CHANGES: readonly Change[] = [
    ['delete', (cache) => cache.delete('a'), undefined],
    ['deleteMany', (cache) => cache.deleteMany(['b', 'a']), undefined],
    ['set', (cache) => cache.set('a', 'set'), 'set'],
    ['setMany', (cache) => cache.setMany([['a', 'set']]), 'set'],
    ['clear', (cache) => cache.clear(), undefined],
    ['clear with purge', (cache) => cache.clear({ purge: true }), undefined],
    ['a set that is not to be stored', (cache) => cache.set('a', 'x', { ttl: 0 }), undefined],
  ]

  test.each(CHANGES)('a %s during a load wins: its value is seen by those aboard alone', async (_, change, left) => {
    const cache = await store.make()
    const { load, runs, running } = heldLoader<string>()
    const aboard = [cache.getOrSet('a', load), cache.getOrSet('a', load)]
    await running(1)
    expect(await change(cache)).toBe(true)
    expect(await cache.get('a')).toBe(left)
    runs[0]?.resolve('late')
    expect(await Promise.all(aboard)).toEqual(['late', 'late'])
    expect(await cache.get('a')).toBe(left)
    expect(cache.peek('a') === undefined || cache.peek('a') === left).toBe(true)
  })

  test.each([CHANGES[0], CHANGES[4]] as Change[])(
    'after a %s during a load later callers get a load of their own',
    async (_, change) => {
      const cache = await store.make()
      const { load, runs, running } = heldLoader<string>()
      const early = cache.getOrSet('a', load)
      await running(1)
      await change(cache)
      const later = [cache.getOrSet('a', load), cache.getOrSet('a', load)]
      await running(2)
      runs[1]?.resolve('new')
      expect(await Promise.all(later)).toEqual(['new', 'new'])
      runs[0]?.resolve('old')
      expect(await early).toBe('old')
      expect(await cache.get('a')).toBe('new')
      expect(runs).toHaveLength(2)
    },
  )

  test('changes of other keys, and of views that do not hold the key, leave a load alone', async () => {
    const cache = await store.make()
    const view = cache.namespace('users')
    const { load, runs, running } = heldLoader<string>()
    const loading = view.getOrSet('a', load)
    await running(1)
    await cache.delete('a')
    await cache.namespace('user').clear()
    await cache.namespace('orders').set('a', 1)
    await view.delete('b')
    const joined = view.getOrSet('a', load)
    // What joins a load looks nothing up: it must be aboard before the load ends.
    await turn()
    runs[0]?.resolve('value')
    expect(await Promise.all([loading, joined])).toEqual(['value', 'value'])
    expect(await view.get('a')).toBe('value')
    expect(runs).toHaveLength(1)
  })

  test("a parent's clear during a load in a child wins", async () => {
    const cache = await store.make()
    const { load, runs, running } = heldLoader<string>()
    const loading = cache.namespace('a').namespace('b').getOrSet('k', load)
    await running(1)
    expect(await cache.namespace('a').clear()).toBe(true)
    runs[0]?.resolve('late')
    expect(await loading).toBe('late')
    expect(await cache.namespace('a').namespace('b').get('k')).toBeUndefined()
  })

  test('a signal rejects its caller alone, with its reason, and the load goes on for the others', async () => {
    const cache = await store.make()
    const { load, runs, running } = heldLoader<string>()
    const leader = new AbortController()
    const waiter = new AbortController()
    const calls = [
      cache.getOrSet('a', load, { signal: leader.signal }),
      cache.getOrSet('a', load, { signal: waiter.signal }),
      cache.getOrSet('a', load),
    ]
    const settled = Promise.allSettled(calls)
    await running(1)
    const reason = new Error('I gave up')
    leader.abort(reason)
    await expect(calls[0]).rejects.toBe(reason)
    waiter.abort()
    await expect(calls[1]).rejects.toBe(waiter.signal.reason)
    runs[0]?.resolve('value')
    expect(await calls[2]).toBe('value')
    await settled
    expect(await cache.get('a')).toBe('value')
    expect(runs).toHaveLength(1)
    for (const { signal } of [leader, waiter]) expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('a signal that has aborted already rejects before anything is loaded', async () => {
    const cache = await store.make()
    const { load, runs } = heldLoader<string>()
    await expect(cache.getOrSet('a', load, { signal: AbortSignal.abort('early') })).rejects.toBe('early')
    expect(runs).toHaveLength(0)
  })

  test('a signal leaves no listener behind, whether the call found, loaded or failed', async () => {
    const cache = await store.make()
    const { signal } = new AbortController()
    await cache.getOrSet('a', () => 1, { signal })
    await cache.getOrSet('a', () => 1, { signal })
    await cache.getOrSet('b', () => Promise.reject(new Error('no')), { signal }).catch(() => {})
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('the signal of the load aborts once every caller has given up, and not before', async () => {
    const cache = await store.make()
    const controllers = [new AbortController(), new AbortController()]
    const begun = deferred<AbortSignal>()
    const load = ({ signal }: { signal: AbortSignal }): Promise<never> => {
      begun.resolve(signal)
      return new Promise(() => {})
    }
    const calls = controllers.map(({ signal }) => cache.getOrSet('a', load, { signal }))
    const settled = Promise.allSettled(calls)
    const ofLoad = await begun.promise
    controllers[0]?.abort()
    await turn()
    expect(ofLoad.aborted).toBe(false)
    controllers[1]?.abort()
    await settled
    await turn()
    expect(ofLoad.aborted).toBe(true)
  })

  test('a load that fails after all its callers gave up is no unhandled rejection', async () => {
    const cache = await store.make()
    const { load, runs, running } = heldLoader<string>()
    const controller = new AbortController()
    const call = cache.getOrSet('a', load, { signal: controller.signal })
    await running(1)
    controller.abort()
    await expect(call).rejects.toBe(controller.signal.reason)
    runs[0]?.reject(new Error('nobody listens'))
    await turn()
    expect(await cache.getOrSet('a', () => 'again')).toBe('again')
  })

  test('a loader that awaits its own key is refused, not deadlocked', { timeout: 5_000 }, async () => {
    const cache = await store.make({ loadTimeout: 2_000 })
    const inner = deferred<unknown>()
    const outer = cache.getOrSet('a', async () => {
      const again = cache.getOrSet('a', () => 'inner')
      again.catch(inner.resolve)
      return again
    })
    const refusal = await outer.catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: expect.stringMatching(/^ERR_CACHE_/) })
    expect(refusal).not.toBeInstanceOf(LoadTimeoutError)
    expect(await inner.promise).toBe(refusal)
  })

  test('a loader may ask for other keys', async () => {
    const cache = await store.make()
    const value = await cache.getOrSet(
      'a',
      async () => `a${await cache.getOrSet('b', async () => `b${await cache.get('c')}`)}`,
    )
    expect(value).toBe('abundefined')
  })
})

describe('the deadline of a load', () => {
  test('rejects every waiter with LoadTimeoutError, aborts the signal with it, and drops a late value', async () => {
    const { cache, clock } = makeTimedCache({ loadTimeout: 1_000 })
    const late = deferred<string>()
    let signal: AbortSignal | undefined
    const load = (context: { signal: AbortSignal }) => {
      signal = context.signal
      return late.promise
    }
    const calls = [cache.getOrSet('key "a"', load), cache.getOrSet('key "a"', load)]
    const settled = Promise.allSettled(calls)
    await turn()
    await clock.advance(999)
    expect(signal?.aborted).toBe(false)
    await clock.advance(1)
    for (const result of await settled) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CACHE_LOAD_TIMEOUT' } })
      expect((result as PromiseRejectedResult).reason).toBeInstanceOf(LoadTimeoutError)
      expect((result as PromiseRejectedResult).reason.message).toMatch(/key \\"a\\".*1000 ms/)
    }
    expect(signal?.reason).toBeInstanceOf(LoadTimeoutError)
    late.resolve('late')
    await turn()
    expect(await cache.get('key "a"')).toBeUndefined()
    expect(await cache.getOrSet('key "a"', () => 'new')).toBe('new')
    expect(clock.pending).toBe(0)
  })

  test('is 30 s by default, and the call may set its own', async () => {
    const { cache, clock } = makeTimedCache()
    const hang = () => new Promise<never>(() => {})
    const calls = [cache.getOrSet('a', hang), cache.getOrSet('b', hang, { loadTimeout: 50 })]
    const ends: string[] = []
    for (const [index, call] of calls.entries()) call.catch(() => ends.push(`${index}`))
    await turn()
    await clock.advance(50)
    expect(ends).toEqual(['1'])
    await clock.advance(29_949)
    expect(ends).toEqual(['1'])
    await clock.advance(1)
    expect(ends).toEqual(['1', '0'])
  })

  test('a loader that rejects because of the signal, or later, is no unhandled rejection', async () => {
    const { cache, clock } = makeTimedCache({ loadTimeout: 10 })
    const later = deferred<string>()
    const calls = [
      cache.getOrSet(
        'a',
        ({ signal }) =>
          new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ),
      cache.getOrSet('b', () => later.promise),
    ]
    const settled = Promise.allSettled(calls)
    await turn()
    await clock.advance(10)
    for (const result of await settled) expect(result).toMatchObject({ reason: { name: 'LoadTimeoutError' } })
    later.reject(new Error('after the deadline'))
    await turn()
  })

  test('does not count against a loader that came in time', async () => {
    const { cache, clock } = makeTimedCache({ loadTimeout: 100 })
    const value = cache.getOrSet('a', () => new Promise((resolve) => clock.after(99, () => resolve(1))))
    await turn()
    await clock.advance(99)
    expect(await value).toBe(1)
    expect(clock.pending).toBe(0)
  })
})

test('a load that ends after close gives its callers their value and leaves nothing in memory', async () => {
  const cache = makeCache()
  const { load, runs, running } = heldLoader<string>()
  const call = cache.getOrSet('a', load)
  await running(1)
  await cache.close()
  runs[0]?.resolve('value')
  expect(await call).toBe('value')
  expect(cache.stats()).toMatchObject({ entries: 0, bytes: 0 })
})
