import { getEventListeners } from 'node:events'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Flight } from '../../src/flight/flights.js'
import { type CacheView, RecursiveLoadError } from '../../src/index.js'
import { turn } from '../support/fake-clock.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { deferred } from '../support/until.js'
import { HeldBatchLoader, HeldLoader, unexpected } from './support/loads.js'
import { describeTimedStores, type Opened } from './support/stores.js'

noUnhandledRejections()

function isRecursive(error: unknown): boolean {
  return error instanceof RecursiveLoadError
}

describeTimedStores('waiters', (store) => {
  test('share one load, whether they came through a namespace made inline or through one that was kept', async () => {
    const { cache, quiet } = await store.open()
    const { load, runs, run } = new HeldLoader<{ n: number }>()
    const kept = cache.namespace('a').namespace('b')
    const calls = [
      kept.getOrSet('k', load),
      cache.namespace('a').namespace('b').getOrSet('k', load),
      kept.getOrSet('k', load, { ttl: 5 }),
      kept.wrap(() => load(undefined as never), { key: () => 'k' })(),
      kept.getOrSetMany(['k'], unexpected).then(([value]) => value),
    ]
    const elsewhere = [
      cache.getOrSet('k', () => 'root'),
      cache.namespace('a').getOrSet('k', () => 'a'),
      cache.namespace('a:b').getOrSet('k', () => 'a:b'),
      cache.namespace('a').getOrSet('b:k', () => 'b:k'),
    ]
    await quiet()
    ;(await run(1)).resolve({ n: 1 })
    for (const value of await Promise.all(calls)) expect(value).toEqual({ n: 1 })
    expect(await Promise.all(elsewhere)).toEqual(['root', 'a', 'a:b', 'b:k'])
    expect(runs).toHaveLength(1)
    expect(cache.stats()).toMatchObject({ loads: 5, misses: 9, coalesced: 4, hits: { memory: 0, redis: 0 } })
  })

  test('are each counted once, whenever they came', async () => {
    const { cache, quiet } = await store.open()
    const { load, run } = new HeldLoader<string>()
    const calls: Array<Promise<unknown>> = []
    for (let round = 0; round < 5; round++) {
      calls.push(cache.getOrSet('k', load), cache.getOrSet('k', load))
      await turn()
      if (round === 2) await quiet()
    }
    ;(await run(1)).resolve('v')
    await Promise.all(calls)
    const { misses, hits, loads, coalesced } = cache.stats()
    expect({ misses, hits, loads, coalesced }).toEqual({
      misses: 10,
      hits: { memory: 0, redis: 0 },
      loads: 1,
      coalesced: 9,
    })
  })

  test('who ask again at once are counted again, wherever the value comes from', async () => {
    const { cache, another } = await store.open()
    await (another() ?? cache).set('k', 'v')
    const twice = async () => {
      await cache.getOrSet('k', unexpected)
      await cache.getOrSet('k', unexpected)
      await null
      await cache.getOrSet('k', unexpected)
    }
    await Promise.all(Array.from({ length: 10 }, twice))
    const { hits, misses } = cache.stats()
    expect(hits.memory + hits.redis).toBe(30)
    expect(misses).toBe(0)
  })

  test('who ask again as soon as a load has ended are served from what it stored', async () => {
    const { cache } = await store.open()
    let loads = 0
    const load = async () => {
      loads += 1
      await turn()
      return loads
    }
    const again = async () => [await cache.getOrSet('k', load), await cache.getOrSet('k', load)]
    for (const values of await Promise.all(Array.from({ length: 10 }, again))) expect(values).toEqual([1, 1])
    expect(loads).toBe(1)
    const { hits, misses } = cache.stats()
    expect([hits.memory + hits.redis, misses]).toEqual([10, 10])
  })

  test('a load for one key does not hold up another', async () => {
    const { cache } = await store.open()
    const { load, run } = new HeldLoader<string>()
    const slow = cache.getOrSet('slow', load)
    const { resolve } = await run(1)
    expect(await cache.getOrSet('fast', () => 'fast')).toBe('fast')
    expect(await cache.getOrSetMany(['x', 'y'], (keys) => [...keys])).toEqual(['x', 'y'])
    resolve('slow')
    expect(await slow).toBe('slow')
  })

  test('keys and values are the awkward ones', async () => {
    const { cache } = await store.open()
    const keys = [
      '__proto__',
      'constructor',
      '\0',
      '\0{x',
      '{}',
      'a:b',
      '%7B',
      '}',
      ' ',
      '\n',
      'ä',
      '#',
      '*',
      '[a]',
      '?',
    ]
    const values = await Promise.all(keys.map((key) => cache.getOrSet<unknown>(key, ({ key: told }) => [told])))
    expect(values).toEqual(keys.map((key) => [key]))
    expect(await cache.getMany(keys)).toEqual(keys.map((key) => [key]))
    for (const value of [0, '', false, null, [], {}]) {
      expect(await cache.getOrSet<unknown>(`v${JSON.stringify(value)}`, () => value)).toEqual(value)
      expect(await cache.getOrSet(`v${JSON.stringify(value)}`, unexpected)).toEqual(value)
    }
  })
})

describeTimedStores('a waiter who gives up', (store) => {
  test.each(['the leader', 'a waiter', 'both of several'])('%s: the load goes on for the others', async (who) => {
    const { cache, quiet } = await store.open()
    const { load, runs, run } = new HeldLoader<string>()
    const controllers = [new AbortController(), new AbortController(), new AbortController()]
    const calls = controllers.map(({ signal }) => cache.getOrSet('k', load, { signal }))
    const settled = Promise.allSettled(calls)
    await quiet()
    const { context, resolve } = await run(1)
    const givingUp = who === 'the leader' ? [0] : who === 'a waiter' ? [1] : [0, 2]
    for (const index of givingUp) controllers[index]?.abort(`reason ${index}`)
    for (const index of givingUp) await expect(calls[index]).rejects.toBe(`reason ${index}`)
    await quiet()
    expect(context.signal.aborted).toBe(false)
    resolve('v')
    for (const [index, end] of (await settled).entries()) {
      if (!givingUp.includes(index)) expect(end).toEqual({ status: 'fulfilled', value: 'v' })
    }
    await quiet()
    expect(await cache.getOrSet('k', unexpected)).toBe('v')
    expect(runs).toHaveLength(1)
  })

  test('one without a signal keeps the load alive, also one that came last or through a batch', async () => {
    for (const last of ['single', 'batch'] as const) {
      const { cache, quiet } = await store.open()
      const { load, run } = new HeldLoader<string>()
      const controller = new AbortController()
      const first = cache.getOrSet('k', load, { signal: controller.signal })
      const { context, resolve } = await run(1)
      const other =
        last === 'single' ? cache.getOrSet('k', load) : cache.getOrSetMany(['k'], unexpected).then(([value]) => value)
      await quiet()
      controller.abort('no more')
      await expect(first).rejects.toBe('no more')
      expect(context.signal.aborted).toBe(false)
      resolve('v')
      expect(await other).toBe('v')
    }
  })

  test('many calls under one signal put one listener on it, and take it off', async () => {
    const { cache, quiet } = await store.open()
    const { signal } = new AbortController()
    const { load, run } = new HeldLoader<string>()
    const calls = Array.from({ length: 50 }, () => cache.getOrSet('k', load, { signal }))
    const { resolve } = await run(1)
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    resolve('value')
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['value']))
    await quiet()
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('all of them: the signal aborts with the last reason, the late value is dropped, the next caller loads anew', async () => {
    const { cache, another, quiet } = await store.open()
    const { load, runs, run } = new HeldLoader<string>()
    const controllers = [new AbortController(), new AbortController()]
    const calls = controllers.map(({ signal }) => cache.getOrSet('k', load, { signal }))
    const settled = Promise.allSettled(calls)
    const { context, resolve } = await run(1)
    controllers[0]?.abort('first')
    expect(context.signal.aborted).toBe(false)
    controllers[1]?.abort('second')
    expect(context.signal.aborted).toBe(true)
    expect(context.signal.reason).toBe('second')
    expect(await settled).toEqual([
      { status: 'rejected', reason: 'first' },
      { status: 'rejected', reason: 'second' },
    ])

    // At once, while the loader that was called off still runs.
    const next = cache.getOrSet('k', load)
    const second = await run(2)
    expect(second.context.signal.aborted).toBe(false)
    resolve('late')
    await quiet()
    expect(await cache.get('k')).toBeUndefined()
    second.resolve('new')
    expect(await next).toBe('new')
    await quiet()
    expect(await cache.get('k')).toBe('new')
    if (another() !== undefined) expect(await another()?.get('k')).toBe('new')
    expect(runs).toHaveLength(2)
  })

  test('all of them, and the loader returns after nobody came again: nothing is kept', async () => {
    const { cache, another, quiet } = await store.open()
    const { load, run } = new HeldLoader<string>()
    const controller = new AbortController()
    const call = cache.getOrSet('k', load, { signal: controller.signal })
    const { resolve } = await run(1)
    controller.abort()
    await expect(call).rejects.toBe(controller.signal.reason)
    resolve('late')
    await quiet()
    expect(await cache.get('k')).toBeUndefined()
    if (another() !== undefined) expect(await another()?.get('k')).toBeUndefined()
  })

  test('before the loader runs: it is not run at all', async () => {
    const { cache, quiet } = await store.open()
    const { load, runs } = new HeldLoader<string>()
    const controller = new AbortController()
    const call = cache.getOrSet('k', load, { signal: controller.signal })
    controller.abort('at once')
    await expect(call).rejects.toBe('at once')
    await quiet()
    expect(runs).toHaveLength(0)
    expect(cache.stats().loads).toBe(0)
    expect(await cache.getOrSet('k', () => 'v')).toBe('v')
  })

  test('of a key that is found, or of a stale one, takes nothing from the others', async () => {
    const { cache, pass, quiet } = await store.open({ staleWhileRevalidate: 60_000 })
    await cache.set('k', 'old')
    await cache.expire('k')
    await pass(1_001)
    const { load, run } = new HeldLoader<string>()
    const controller = new AbortController()
    expect(await cache.getOrSet('k', load, { signal: controller.signal })).toBe('old')
    const { context, resolve } = await run(1)
    controller.abort()
    await quiet()
    // The refresh behind belongs to nobody who could give it up.
    expect(context.signal.aborted).toBe(false)
    resolve('new')
    await quiet()
    expect(await cache.get('k')).toBe('new')
  })

  test('of a batch: the batch goes on while anybody waits for one of its keys', async () => {
    const { cache, quiet } = await store.open()
    const { load, run } = new HeldBatchLoader()
    const controllers = { batch: new AbortController(), single: new AbortController() }
    const batch = cache.getOrSetMany(['a', 'b', 'c'], load, { signal: controllers.batch.signal })
    const { signal, resolve } = await run(1)
    const single = cache.getOrSet('b', unexpected, { signal: controllers.single.signal })
    await quiet()
    controllers.batch.abort('batch')
    await expect(batch).rejects.toBe('batch')
    expect(signal.aborted).toBe(false)
    resolve(['A', 'B', 'C'])
    expect(await single).toBe('B')
    await quiet()

    const again = cache.getOrSetMany(['d', 'e'], load, { signal: controllers.single.signal })
    const second = await run(2)
    controllers.single.abort('single')
    await expect(again).rejects.toBe('single')
    expect(second.signal.aborted).toBe(true)
    expect(second.signal.reason).toBe('single')
    second.resolve(['D', 'E'])
    await quiet()
    expect(await cache.getMany(['d', 'e'])).toEqual([undefined, undefined])
  })

  // A refresh that another caller's flight followed once ran on after both had given up.
  test.each(['the refresh first', 'the refresh last'])('of a refresh and of what follows it, %s', async (order) => {
    const { cache, quiet } = await store.open()
    const { load, run } = new HeldLoader<string>()
    const controllers = [new AbortController(), new AbortController()] as const
    const refresh = cache.getOrSet('k', load, { refresh: true, signal: controllers[0].signal })
    const { context, resolve } = await run(1)
    const follower = cache.getOrSet('k', unexpected, { signal: controllers[1].signal })
    const settled = Promise.allSettled([refresh, follower])
    await quiet()
    const [first, last] = order === 'the refresh first' ? controllers : ([controllers[1], controllers[0]] as const)
    first.abort('first')
    await quiet()
    expect(context.signal.aborted).toBe(false)
    last.abort('last')
    expect(context.signal.reason).toBe('last')
    for (const end of await settled) expect(end.status).toBe('rejected')
    const next = new HeldLoader<string>()
    const call = cache.getOrSet('k', next.load)
    const second = await next.run(1)
    resolve('late')
    second.resolve('new')
    expect(await call).toBe('new')
  })

  // The refusal of a loader's own wait once left it counted as a passenger of itself.
  test('of a load whose loader was refused its own key', async () => {
    const { cache, quiet } = await store.open()
    const refused = deferred<unknown>()
    const controller = new AbortController()
    let signal: AbortSignal | undefined
    const call = cache.getOrSet(
      'k',
      async (context) => {
        signal = context.signal
        for (const own of [
          () => cache.getOrSet('k', unexpected),
          () => cache.getOrSet('k', unexpected, { refresh: true }),
          () => cache.getOrSetMany(['k'], unexpected),
        ]) {
          const refusal = await own().catch((error: unknown) => error)
          if (!isRecursive(refusal)) return 'it was not refused'
        }
        refused.resolve(undefined)
        return new Promise<string>(() => {})
      },
      { signal: controller.signal },
    )
    call.catch(() => {})
    await refused.promise
    await quiet()
    controller.abort('gone')
    await expect(call).rejects.toBe('gone')
    expect(signal?.reason).toBe('gone')
    expect(await cache.getOrSet('k', () => 'new')).toBe('new')
  })
})

describeTimedStores('a loader that waits for itself is refused, not deadlocked', (store) => {
  /** Every call in a circle ends, each with the refusal or with what its loader made of it. */
  async function ends<T>({ quiet, clock }: Opened, call: Promise<T>): Promise<PromiseSettledResult<T>> {
    let end: PromiseSettledResult<T> | undefined
    Promise.allSettled([call]).then(([settled]) => {
      end = settled
    })
    for (let round = 0; round < 10 && end === undefined; round++) await quiet()
    if (end === undefined) {
      await clock.advance(60_000)
      throw new Error('it waited for itself')
    }
    return end
  }

  test('directly, and through a namespace, wrap, refresh and a batch', async () => {
    const opened = await store.open()
    const view = opened.cache.namespace('n')
    const own: Array<(view: CacheView) => Promise<unknown>> = [
      (one) => one.getOrSet('k', unexpected),
      () => opened.cache.namespace('n').getOrSet('k', unexpected, { ttl: 1 }),
      (one) => one.getOrSet('k', unexpected, { refresh: true }),
      (one) => one.wrap(() => 'v', { key: () => 'k' })(),
      (one) => one.getOrSetMany(['other', 'k'], (keys) => [...keys]),
      async (one) => {
        await null
        return Promise.all([one.getOrSet('x', () => 'x'), one.getOrSet('k', unexpected)])
      },
    ]
    for (const [index, ask] of own.entries()) {
      const end = await ends(
        opened,
        view.getOrSet('k', () => ask(view)),
      )
      expect(end.status, `${index}`).toBe('rejected')
      expect(isRecursive((end as PromiseRejectedResult).reason), `${index}`).toBe(true)
    }
    expect(await view.getOrSet('k', () => 'now')).toBe('now')
  })

  test('and may handle the refusal', async () => {
    const opened = await store.open()
    const { cache } = opened
    const end = await ends(
      opened,
      cache.getOrSet('k', async () => {
        const refusal = await cache.getOrSet('k', unexpected).catch((error: unknown) => error)
        return isRecursive(refusal) ? 'refused' : 'no'
      }),
    )
    expect(end).toEqual({ status: 'fulfilled', value: 'refused' })
    expect(await cache.get('k')).toBe('refused')
  })

  test('through other keys in a circle, however long', async () => {
    const opened = await store.open()
    const { cache } = opened
    const keys = ['a', 'b', 'c', 'd']
    const load = (index: number): Promise<string> =>
      cache.getOrSet(keys[index % keys.length] as string, () => load(index + 1))
    const end = await ends(opened, load(0))
    expect(isRecursive((end as PromiseRejectedResult).reason)).toBe(true)
    for (const key of keys) expect(await cache.getOrSet(key, () => key)).toBe(key)
  })

  test("through two callers' loaders that wait for each other", async () => {
    const opened = await store.open()
    const { cache } = opened
    const both = deferred()
    let begun = 0
    const load = (other: string) => async (): Promise<string> => {
      begun += 1
      if (begun === 2) both.resolve()
      await both.promise
      return cache.getOrSet(other, () => other)
    }
    const calls = [cache.getOrSet('a', load('b')), cache.getOrSet('b', load('a'))]
    const [a, b] = await Promise.all(calls.map((call) => ends(opened, call)))
    const refusals = [a, b].filter((end) => end?.status === 'rejected' && isRecursive(end.reason))
    expect(refusals.length).toBeGreaterThan(0)
    await Promise.all(calls.map((call) => call.catch(() => {})))
    expect(await cache.getOrSet('a', () => 'a')).toBe('a')
  })

  test('through two batches that wait for each other', async () => {
    const opened = await store.open()
    const { cache } = opened
    const both = deferred()
    let begun = 0
    const load = (other: string) => async (keys: readonly string[]) => {
      begun += 1
      if (begun === 2) both.resolve()
      await both.promise
      const [value] = await cache.getOrSetMany([other], (missing) => [...missing])
      return keys.map(() => value)
    }
    const calls = [cache.getOrSetMany(['a', 'x'], load('b')), cache.getOrSetMany(['b', 'y'], load('a'))]
    const results = await Promise.all(calls.map((call) => ends(opened, call)))
    expect(results.some((end) => end.status === 'rejected' && isRecursive(end.reason))).toBe(true)
  })

  // Work that an inner loader had left running once belonged to nobody, and a wait for it for ever was not seen.
  test('through work that an inner loader left running when it ended', async () => {
    const opened = await store.open()
    const { cache } = opened
    const ended = deferred()
    const outer = cache.getOrSet('outer', async () => {
      let left: Promise<unknown> | undefined
      await cache.getOrSet('inner', () => {
        left = ended.promise.then(() => cache.getOrSet('outer', unexpected))
        return 'inner'
      })
      ended.resolve()
      return left
    })
    const end = await ends(opened, outer)
    expect(isRecursive((end as PromiseRejectedResult).reason)).toBe(true)
    expect(await cache.get('inner')).toBe('inner')
  })

  // A batch of which one key follows a load once counted as waiting for it with all its keys.
  test('but not who waits for another key of a batch that waits for it', async () => {
    const opened = await store.open()
    const { cache, quiet } = opened
    const go = deferred()
    const begun = deferred()
    const x = cache.getOrSet(
      'x',
      async () => {
        begun.resolve()
        await go.promise
        return `x of ${await cache.getOrSet('b', unexpected)}`
      },
      { refresh: true },
    )
    await begun.promise
    const batch = new HeldBatchLoader()
    const many = cache.getOrSetMany(['x', 'b'], batch.load)
    const { keys, resolve } = await batch.run(1)
    expect(keys).toEqual(['b'])
    go.resolve()
    await quiet()
    resolve(['b'])
    expect(await ends(opened, x)).toEqual({ status: 'fulfilled', value: 'x of b' })
    expect(await many).toEqual(['x of b', 'b'])
  })

  test('but one that no longer waits is in nobody’s way', async () => {
    const opened = await store.open()
    const { cache, quiet } = opened
    const gaveUp = deferred()
    const controller = new AbortController()
    const finish = deferred()
    const a = cache.getOrSet('a', async () => {
      await cache.getOrSet('b', unexpected, { signal: controller.signal }).catch(() => {})
      gaveUp.resolve()
      await finish.promise
      return 'a'
    })
    const begun = deferred()
    const ask = deferred()
    const b = cache.getOrSet('b', async () => {
      begun.resolve()
      await ask.promise
      return `b of ${await cache.getOrSet('a', unexpected)}`
    })
    await begun.promise
    await quiet()
    controller.abort()
    await gaveUp.promise
    ask.resolve()
    await quiet()
    finish.resolve()
    expect(await ends(opened, b)).toEqual({ status: 'fulfilled', value: 'b of a' })
    expect(await a).toBe('a')
  })

  test('and what a loader left running after it ended waits like anybody else', async () => {
    const { cache, quiet } = await store.open()
    const ended = deferred()
    let left: Promise<unknown> | undefined
    await cache.getOrSet('k', () => {
      left = ended.promise.then(() => cache.getOrSet('k', unexpected))
      return 'v'
    })
    ended.resolve()
    await quiet()
    expect(await left).toBe('v')
  })

  test('other keys may be asked for, any number deep, and at once', async () => {
    const { cache } = await store.open()
    const depth = (level: number): Promise<number> =>
      cache.getOrSet(`level ${level}`, async () => (level === 0 ? 0 : 1 + (await depth(level - 1))))
    expect(await depth(30)).toBe(30)
    const values = await cache.getOrSet('sum', () =>
      Promise.all(Array.from({ length: 50 }, (_, index) => cache.getOrSet(`part ${index % 10}`, () => index))),
    )
    expect(values).toHaveLength(50)
  })

  // Every path through what waits for what was once gone along: one more layer of such loads doubled the work.
  test('is told without going along every path through loads that share what they wait for', async () => {
    const { cache, quiet } = await store.open({ maxConcurrentLoads: 2 })
    const layers = 12
    const { load, run } = new HeldLoader<number>()
    const node = (layer: number, side: number): Promise<number> => {
      if (layer === layers) return cache.getOrSet('leaf', load)
      return cache.getOrSet(`${layer} ${side}`, async () => {
        const [left, right] = await Promise.all([node(layer + 1, 0), node(layer + 1, 1)])
        return left + right
      })
    }
    const go = deferred()
    const outer = cache.getOrSet('outer', async () => {
      await go.promise
      return node(0, 0)
    })
    await quiet()
    const root = node(0, 0)
    const { resolve } = await run(1)
    await quiet()
    const steps = [vi.spyOn(Flight.prototype, 'reaches'), vi.spyOn(Flight.prototype, 'hurry')]
    onTestFinished(() => void vi.restoreAllMocks())
    go.resolve()
    await quiet()
    const most = Math.max(...steps.map(({ mock }) => mock.calls.length))
    resolve(1)
    expect(await Promise.all([root, outer])).toEqual([2 ** layers, 2 ** layers])
    expect(most).toBeLessThan(10 * layers)
  })
})

describe('two caches', () => {
  describeTimedStores('whose loaders ask each other', (store) => {
    test('in a circle are refused too', async () => {
      const one = await store.open()
      const { cache: other } = await store.open()
      const call = one.cache.getOrSet('k', () => other.getOrSet('k', () => one.cache.getOrSet('k', unexpected)))
      await expect(call).rejects.toSatisfy(isRecursive)
    })
  })
})
