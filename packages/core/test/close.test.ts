import { expect, test } from 'vitest'
import { CacheClosedError, createCache, isCacheError } from '../src/index.js'
import { freshName, makeTimedCache } from './support/caches.js'
import { turn } from './support/fake-clock.js'
import { describeStores } from './support/stores.js'
import { noUnhandledRejections } from './support/unhandled.js'

noUnhandledRejections()

describeStores('after close', (store) => {
  test('every member of every view rejects with CacheClosedError, which names the cache', async () => {
    const cache = await store.make({ name: 'users "x"' })
    const view = cache.namespace('a')
    const wrapped = cache.wrap(async (n: number) => n, { key: String })
    await cache.set('k', 1)
    await cache.set('1', 1)
    await view.set('k', 1)
    expect(await cache.close()).toEqual({ unconfirmed: 0 })
    const calls = [cache, view, view.namespace('b')].flatMap((one) => [
      one.get('k'),
      one.getOrSet('k', () => 1),
      one.getOrSet('k', () => 1, { refresh: true }),
      one.getMany(['k']),
      one.getMany([]),
      one.set('k', 1),
      one.setMany([['k', 1]]),
      one.setMany([]),
      one.delete('k'),
      one.deleteMany(['k']),
      one.deleteMany([]),
      one.clear(),
      one.clear({ purge: true }),
      one.has('k'),
    ])
    for (const call of [...calls, wrapped(1), cache.ready()]) {
      const error = await call.then(
        () => 'resolved',
        (error: unknown) => error,
      )
      expect(error).toBeInstanceOf(CacheClosedError)
      expect(error).toMatchObject({ name: 'CacheClosedError', code: 'ERR_CACHE_CLOSED' })
      expect((error as Error).message).toContain(JSON.stringify('users "x"'))
    }
    for (const one of [cache, view]) expect(() => one.peek('k')).toThrow(CacheClosedError)
  })

  test('closing again is harmless, at once and later', async () => {
    const cache = await store.make()
    expect(await Promise.all([cache.close(), cache.close()])).toEqual([{ unconfirmed: 0 }, { unconfirmed: 0 }])
    expect(await cache.close()).toEqual({ unconfirmed: 0 })
    await cache[Symbol.asyncDispose]()
  })

  test('the counts can still be read, and memory is let go of', async () => {
    const cache = await store.make()
    await cache.set('k', 1)
    await cache.get('k')
    await cache.close()
    const { hits, entries, bytes } = cache.stats()
    expect(hits.memory + hits.redis).toBe(1)
    expect({ entries, bytes }).toEqual({ entries: 0, bytes: 0 })
  })
})

test('await using closes at the end of the block', async () => {
  let escaped: ReturnType<typeof createCache>
  {
    await using cache = createCache({ name: freshName() })
    await cache.set('a', 1)
    escaped = cache
  }
  const error = await escaped.get('a').catch((error: unknown) => error)
  expect(isCacheError(error)).toBe(true)
})

test('no timer is left', async () => {
  const { cache, clock } = makeTimedCache()
  await cache.getOrSet('a', () => 1)
  await cache.set('b', 1)
  await cache.clear()
  expect(clock.pending).toBe(0)
  await cache.close()
  expect(clock.pending).toBe(0)
  expect(clock.onTurn).toBeUndefined()
})

test('nothing of a memory-only cache keeps the process alive, closed or not', async () => {
  const alive = (): string[] => process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate')
  await turn()
  const before = alive().sort()
  const caches = Array.from({ length: 50 }, () => createCache({ name: freshName(), ttl: 10 }))
  for (const cache of caches) await cache.getOrSet('a', () => 1)
  const hanging = caches.map((cache) => cache.getOrSet('hangs', () => new Promise<never>(() => {})))
  await turn()
  expect(alive().length).toBeLessThanOrEqual(before.length + 2)
  expect(hanging).toHaveLength(50)
  for (const cache of caches) await cache.close()
})
