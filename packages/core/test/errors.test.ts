import { freePort } from '@otel-cache/test-servers'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as api from '../src/index.js'
import { freshName, makeCache } from './support/caches.js'
import { IOREDIS, makeClient } from './support/redis.js'

const [{ Client }] = IOREDIS

/** A call that each class is really thrown by, or rejected with. */
const CALLS: Readonly<Record<string, readonly [code: string, says: string, call: () => unknown]>> = {
  InvalidOptionError: ['ERR_CACHE_INVALID_OPTION', 'options.ttl', () => makeCache({ ttl: -1 })],
  InvalidKeyError: ['ERR_CACHE_INVALID_KEY', 'key must be', () => makeCache().get('')],
  InvalidValueError: ['ERR_CACHE_INVALID_VALUE', 'delete the key', () => makeCache().set('k', undefined as never)],
  LoadTimeoutError: [
    'ERR_CACHE_LOAD_TIMEOUT',
    'raise loadTimeout',
    () => makeCache().getOrSet('k', () => new Promise(() => {}), { loadTimeout: 5 }),
  ],
  NotReadyError: [
    'ERR_CACHE_NOT_READY',
    'asks again',
    async () => makeCache({ redis: makeClient(Client, { port: await freePort() }) }).ready({ timeout: 50 }),
  ],
  CacheClosedError: [
    'ERR_CACHE_CLOSED',
    'last caller',
    async () => {
      const cache = makeCache()
      await cache.close()
      return cache.get('k')
    },
  ],
  RecursiveLoadError: [
    'ERR_CACHE_RECURSIVE_LOAD',
    'must not read through',
    () => {
      const cache = makeCache()
      return cache.getOrSet('k', () => cache.getOrSet('k', () => 1))
    },
  ],
  OverloadedError: [
    'ERR_CACHE_OVERLOADED',
    'raise maxConcurrentLoads',
    () => {
      const cache = makeCache({ maxConcurrentLoads: 1 })
      const signal = AbortSignal.timeout(2_000)
      const load = () => new Promise(() => {})
      const waiting = Array.from({ length: 10_001 }, (_, index) => cache.getOrSet(`${index}`, load, { signal }))
      const ended = Promise.allSettled(waiting)
      onTestFinished(async () => void (await ended))
      return cache.getOrSet('one more', load)
    },
  ],
}

const FAMILY = new Map(Object.entries(api).filter(([name]) => /^[A-Z]\w*Error$/.test(name)))

describe('every class of the family', () => {
  test('is in the table', () => {
    expect([...Object.keys(CALLS), 'CacheError'].sort()).toEqual([...FAMILY.keys()].sort())
  })

  test.each(Object.entries(CALLS))('%s is what a caller gets, with its code', async (name, [code, says, call]) => {
    const error = await (async () => call())().then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(error).toBeInstanceOf(FAMILY.get(name))
    expect(api.isCacheError(error)).toBe(true)
    expect(error).toMatchObject({ name, code, message: expect.stringContaining(says) })
  })
})

test('a loader keeps its own error, without a code of ours', async () => {
  const failure = new Error('the origin')
  const call = makeCache({ name: freshName() }).getOrSet('k', () => Promise.reject(failure))
  await expect(call).rejects.toBe(failure)
  expect(api.isCacheError(failure)).toBe(false)
})

// Of a batch nobody knew which one was meant.
test.each<[string, (cache: api.Cache) => Promise<unknown>]>([
  [
    'setMany',
    (cache) =>
      cache.setMany([
        ['a', 1],
        ['the key', undefined],
      ]),
  ],
  ['a codec that refuses', (cache) => cache.set('the key', 1n)],
  ['a promise', (cache) => cache.set('the key', Promise.resolve(1))],
  ['a loader', (cache) => cache.getOrSet('the key', () => 1n)],
  ['a batch loader', (cache) => cache.getOrSetMany(['a', 'the key'], () => [1, 1n])],
  ['notModified()', (cache) => cache.getOrSet('the key', () => api.notModified())],
])('a value that cannot be stored is named by its key: %s', async (_, call) => {
  await expect(call(makeCache())).rejects.toMatchObject({ message: expect.stringContaining('of "the key" ') })
})

test('a lifetime or tag that cannot be is named by whence it came', async () => {
  const cache = makeCache()
  const loaded = cache.getOrSet('k', () => api.entry(1, { ttl: -1 }))
  await expect(loaded).rejects.toThrow("the loader's lifetime.ttl must be")
  await expect(cache.set('k', 1, { tags: ['a', ''] })).rejects.toThrow('lifetime.tags[1] must be a non-empty')
  await expect(cache.deleteByTag('')).rejects.toThrow('tag must be a non-empty, well-formed string')
})
