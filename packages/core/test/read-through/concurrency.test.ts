import { expect, test } from 'vitest'
import { type Cache, LoadTimeoutError, OverloadedError } from '../../src/index.js'
import { makeTimedCache } from '../support/caches.js'
import { turn } from '../support/fake-clock.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { deferred } from '../support/until.js'
import { HeldBatchLoader, HeldLoader, unexpected } from './support/loads.js'
import { describeTimedStores } from './support/stores.js'

noUnhandledRejections()

/** Loads of keys that tell in which order they began, and are ended one by one. */
class Traffic {
  readonly begun: string[] = []
  readonly #ends = new Map<string, (failure?: Error) => void>()
  running = 0
  most = 0

  readonly load = async ({ key }: { readonly key: string }): Promise<string> => {
    this.begun.push(key)
    this.running += 1
    this.most = Math.max(this.most, this.running)
    const { promise, resolve, reject } = deferred()
    this.#ends.set(key, (failure) => (failure === undefined ? resolve() : reject(failure)))
    try {
      await promise
      return `value of ${key}`
    } finally {
      this.running -= 1
    }
  }

  end(key: string, failure?: Error): void {
    this.#ends.get(key)?.(failure)
  }
}

function ask(cache: Cache, traffic: Traffic, keys: readonly string[]): Array<Promise<string>> {
  return keys.map((key) => cache.getOrSet(key, traffic.load))
}

describeTimedStores('maxConcurrentLoads', (store) => {
  test('lets so many loads run at once, first come first served', async () => {
    const { cache, quiet } = await store.open({ maxConcurrentLoads: 2 })
    const traffic = new Traffic()
    const keys = ['a', 'b', 'c', 'd', 'e']
    const calls = ask(cache, traffic, keys)
    await quiet()
    expect(traffic.begun).toEqual(['a', 'b'])
    traffic.end('b')
    await quiet()
    expect(traffic.begun).toEqual(['a', 'b', 'c'])
    traffic.end('a')
    traffic.end('c')
    await quiet()
    expect(traffic.begun).toEqual(keys)
    traffic.end('e')
    traffic.end('d')
    expect(await Promise.all(calls)).toEqual(keys.map((key) => `value of ${key}`))
    expect(traffic.most).toBe(2)
  })

  test('gives the place of a load that failed, timed out or was given up to the next', async () => {
    const { cache, clock, quiet } = await store.open({ maxConcurrentLoads: 1, loadTimeout: 1_000 })
    const traffic = new Traffic()
    const controller = new AbortController()
    const failing = cache.getOrSet('fails', traffic.load)
    const failed = expect(failing).rejects.toThrow('origin')
    const hanging = cache.getOrSet('hangs', traffic.load, { loadTimeout: 5_000 })
    const timedOut = expect(hanging).rejects.toBeInstanceOf(LoadTimeoutError)
    const givenUp = cache.getOrSet('given up', traffic.load, { signal: controller.signal, loadTimeout: 60_000 })
    const abandoned = expect(givenUp).rejects.toBe('no more')
    const last = cache.getOrSet('last', traffic.load, { loadTimeout: 60_000 })
    await quiet()
    traffic.end('fails', new Error('origin'))
    await failed
    await quiet()
    expect(traffic.begun).toEqual(['fails', 'hangs'])
    await clock.advance(5_000)
    await timedOut
    await quiet()
    expect(traffic.begun).toEqual(['fails', 'hangs', 'given up'])
    controller.abort('no more')
    await abandoned
    await quiet()
    traffic.end('last')
    expect(await last).toBe('value of last')
  })

  test('forgets who gave up in the queue: their loader never runs', async () => {
    const { cache, quiet } = await store.open({ maxConcurrentLoads: 1 })
    const traffic = new Traffic()
    const controller = new AbortController()
    const [first] = ask(cache, traffic, ['first'])
    await quiet()
    const waiting = cache.getOrSet('gave up', traffic.load, { signal: controller.signal })
    const batch = cache.getOrSetMany(['x', 'y'], unexpected, { signal: controller.signal })
    const settled = Promise.allSettled([waiting, batch])
    const [last] = ask(cache, traffic, ['last'])
    await quiet()
    controller.abort('gone')
    for (const end of await settled) expect(end).toEqual({ status: 'rejected', reason: 'gone' })
    traffic.end('first')
    await first
    await quiet()
    expect(traffic.begun).toEqual(['first', 'last'])
    traffic.end('last')
    await last
    expect(cache.stats().loads).toBe(2)
  })

  test('counts the wait for a place into loadTimeout', async () => {
    const { cache, clock, quiet } = await store.open({ maxConcurrentLoads: 1 })
    const traffic = new Traffic()
    const first = cache.getOrSet('first', traffic.load)
    await quiet()
    const waiting = cache.getOrSet('waiting', traffic.load, { loadTimeout: 100 })
    const refused = expect(waiting).rejects.toBeInstanceOf(LoadTimeoutError)
    await quiet()
    await clock.advance(100)
    await refused
    traffic.end('first')
    await first
    await quiet()
    expect(traffic.begun).toEqual(['first'])
  })

  test('counts a batch as one load, and lets refreshes behind wait their turn', async () => {
    const { cache, pass, quiet } = await store.open({ maxConcurrentLoads: 1, staleWhileRevalidate: 60_000 })
    await cache.set('stale', 'old', { ttl: 5_000 })
    await pass(6_000)
    const traffic = new Traffic()
    const batch = new HeldBatchLoader()
    const many = cache.getOrSetMany(['a', 'b', 'c'], batch.load)
    const { resolve } = await batch.run(1)
    expect(await cache.getOrSet('stale', traffic.load)).toBe('old')
    await quiet()
    expect(traffic.begun).toEqual([])
    resolve(['A', 'B', 'C'])
    expect(await many).toEqual(['A', 'B', 'C'])
    await quiet()
    expect(traffic.begun).toEqual(['stale'])
    traffic.end('stale')
    await quiet()
    expect(await cache.get('stale')).toBe('value of stale')
  })

  // Refreshes of what a loader was served stale once ran beside the cap, as if the loader waited for them.
  test('holds for refreshes behind a loader, single and in a batch: it does not wait for them', async () => {
    const { cache, pass, quiet } = await store.open({ maxConcurrentLoads: 1, staleWhileRevalidate: 60_000 })
    const keys = ['a', 'b', 'c', 'd']
    await cache.setMany(
      keys.map((key) => [key, 'old']),
      { ttl: 5_000 },
    )
    await pass(6_000)
    const traffic = new Traffic()
    const batch = new HeldBatchLoader()
    const served = deferred<unknown>()
    const finish = deferred()
    const outer = cache.getOrSet('outer', async () => {
      const [a, b, many] = [
        await cache.getOrSet('a', traffic.load),
        await cache.getOrSet('b', traffic.load),
        await cache.getOrSetMany(['c', 'd'], batch.load),
      ]
      served.resolve([a, b, ...many])
      await finish.promise
      return 'outer'
    })
    expect(await served.promise).toEqual(['old', 'old', 'old', 'old'])
    await quiet()
    expect([traffic.begun, batch.runs]).toEqual([[], []])
    finish.resolve()
    expect(await outer).toBe('outer')
    await quiet()
    expect(traffic.begun).toEqual(['a'])
    traffic.end('a')
    await quiet()
    expect([traffic.begun, batch.runs.length]).toEqual([['a', 'b'], 0])
    traffic.end('b')
    await quiet()
    batch.runs[0]?.resolve(['value of c', 'value of d'])
    await quiet()
    expect(await cache.getMany(keys)).toEqual(keys.map((key) => `value of ${key}`))
  })

  test('is not deadlocked by loads within loads, however deep', async () => {
    const { cache } = await store.open({ maxConcurrentLoads: 1 })
    const depth = (level: number): Promise<number> =>
      cache.getOrSet(`level ${level}`, async () => (level === 0 ? 0 : 1 + (await depth(level - 1))))
    const both = await Promise.all([depth(5), cache.getOrSet('other', () => depth(4))])
    expect(both).toEqual([5, 4])
    const batch = cache.getOrSetMany(['p', 'q'], async (keys) => [
      await cache.getOrSet('r', () => 'R'),
      ...(await cache.getOrSetMany(['s'], () => ['S'])),
      ...keys,
    ])
    expect(await batch).toEqual(['R', 'S'])
  })

  test('is not deadlocked by a loader that joins a load in the queue, nor by what that one waits for', async () => {
    const { cache, quiet } = await store.open({ maxConcurrentLoads: 1 })
    const go = deferred()
    const running = cache.getOrSet('running', async () => {
      await go.promise
      return `running with ${await cache.getOrSet('queued', unexpected)}`
    })
    await quiet()
    const before = cache.getOrSet('before', () => 'before')
    const queued = cache.getOrSet('queued', async () => `queued with ${await cache.getOrSet('deep', unexpected)}`)
    const deep = cache.getOrSetMany(['deep', 'deeper'], (keys) => [...keys])
    await quiet()
    go.resolve()
    expect(await running).toBe('running with queued with deep')
    expect(await Promise.all([before, queued, deep])).toEqual(['before', 'queued with deep', ['deep', 'deeper']])
  })

  test('is not deadlocked by a loader that waits for a refresh of a queued load, or for one whose key was deleted', async () => {
    const { cache, quiet } = await store.open({ maxConcurrentLoads: 1 })
    const go = deferred()
    const running = cache.getOrSet('running', async () => {
      await go.promise
      return Promise.all([
        cache.getOrSet('refreshed', () => 'own', { refresh: true }),
        cache.getOrSet('deleted', () => 'own'),
        cache.getOrSetMany(['both', 'other'], (keys) => [...keys]),
      ])
    })
    await quiet()
    const others = [
      cache.getOrSet('refreshed', () => 'other'),
      cache.getOrSet('deleted', () => 'other'),
      cache.getOrSet('both', () => 'both'),
    ]
    await quiet()
    await cache.delete('deleted')
    const next = cache.getOrSet('deleted', () => 'next')
    go.resolve()
    expect(await running).toEqual([expect.any(String), expect.any(String), ['both', 'other']])
    await Promise.all([...others, next])
  })

  test('is a cap of its own: loads of another cache count against theirs', async () => {
    const outer = await store.open()
    const { cache: inner } = await store.open({ maxConcurrentLoads: 2 })
    const traffic = new Traffic()
    const calls = Array.from({ length: 10 }, (_, index) =>
      outer.cache.getOrSet(`outer ${index}`, () => inner.getOrSet(`inner ${index}`, traffic.load)),
    )
    await outer.quiet()
    expect(traffic.most).toBe(2)
    for (let round = 0; round < 10; round++) {
      for (const key of traffic.begun) traffic.end(key)
      await outer.quiet()
    }
    await Promise.all(calls)
    expect(traffic.most).toBe(2)
  })
})

test('more than 10,000 loads in the queue are refused, and none of those that wait is lost', async () => {
  const { cache } = makeTimedCache({ maxConcurrentLoads: 1 })
  const { load, run } = new HeldLoader<string>()
  const first = cache.getOrSet('first', load)
  const { resolve } = await run(1)
  const waiting = Array.from({ length: 10_000 }, (_, index) => cache.getOrSet(`waiting ${index}`, () => index))
  await turn()
  const refused = [cache.getOrSet('one more', unexpected), cache.getOrSetMany(['two', 'more'], unexpected)]
  for (const call of refused) await expect(call).rejects.toBeInstanceOf(OverloadedError)
  // Who joins a load that waits already adds nothing to the queue.
  const joined = cache.getOrSet('waiting 0', unexpected)
  await turn()
  resolve('first')
  expect(await first).toBe('first')
  expect(await Promise.all(waiting)).toEqual(waiting.map((_, index) => index))
  expect(await joined).toBe(0)
  expect(await cache.getOrSet('one more', () => 'now')).toBe('now')
})

test('a refused load is served stale where that is allowed', async () => {
  const { cache, clock } = makeTimedCache({ maxConcurrentLoads: 1, staleIfError: 60_000, jitter: 0 })
  await cache.set('k', 'old', { ttl: 10 })
  await clock.advance(10)
  const { load, run } = new HeldLoader<string>()
  const first = cache.getOrSet('first', load)
  const { resolve } = await run(1)
  const waiting = Array.from({ length: 10_000 }, (_, index) => cache.getOrSet(`waiting ${index}`, () => index))
  await turn()
  expect(await cache.getOrSet('k', unexpected)).toBe('old')
  resolve('first')
  await Promise.all([first, ...waiting])
})

test('those who gave up leave room in the queue', async () => {
  const { cache } = makeTimedCache({ maxConcurrentLoads: 1 })
  const { load, run } = new HeldLoader<string>()
  const first = cache.getOrSet('first', load)
  const { resolve } = await run(1)
  const controller = new AbortController()
  const { signal } = controller
  const leaving = Array.from({ length: 10_000 }, (_, index) =>
    cache.getOrSet(`leaving ${index}`, unexpected, { signal }),
  )
  const left = Promise.allSettled(leaving)
  await turn()
  controller.abort()
  await left
  await turn()
  const next = cache.getOrSet('next', () => 'next')
  await turn()
  resolve('first')
  expect(await Promise.all([first, next])).toEqual(['first', 'next'])
})
