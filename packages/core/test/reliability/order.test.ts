import { describe, expect, test } from 'vitest'
import type { Cache } from '../../src/index.js'
import { makeCache, makeTimedCache } from '../support/caches.js'
import { connect, IOREDIS, ownRedis, useRedis } from '../support/redis.js'
import { noUnhandledRejections } from '../support/unhandled.js'

noUnhandledRejections()

/** What puts a value into Redis, or back into it. */
const WRITES: ReadonlyArray<readonly [string, (cache: Cache) => Promise<unknown>]> = [
  ['set', (cache) => cache.set('k', 'old')],
  ['getOrSet', (cache) => cache.getOrSet('k', () => 'old', { refresh: true })],
  ['expire', (cache) => cache.expire('k')],
]

describe('a delete that is called later has the last word', () => {
  const shared = useRedis()

  test.each(WRITES)('however few microtasks later than %s', async (_, write) => {
    const cache = makeCache({ redis: await connect(IOREDIS[0].Client, shared.server), redisTimeout: 10_000 })
    for (let later = 0; later < 40; later++) {
      await cache.set('k', 'before', { staleIfError: 10_000 })
      const written = write(cache)
      for (let turn = 0; turn < later; turn++) await undefined
      expect(await cache.delete('k')).toBe(true)
      await written
      expect(await cache.get('k'), `${later} microtasks later`).toBeUndefined()
    }
  })

  test.each(WRITES)('also when %s first has a delete of before to catch up with', async (_, write) => {
    const server = await ownRedis()
    const client = await connect(IOREDIS[0].Client, server)
    // Its own time stands still: nothing is replayed before somebody asks.
    const { cache } = makeTimedCache({ redis: client })
    for (let later = 0; later < 40; later++) {
      await cache.set('k', 'before', { staleIfError: 10_000 })
      await server.command('ACL', 'SETUSER', 'default', '-del')
      expect(await cache.delete('k')).toBe(false)
      await server.command('ACL', 'SETUSER', 'default', '+del')
      const written = write(cache)
      for (let turn = 0; turn < later; turn++) await undefined
      expect(await cache.delete('k')).toBe(true)
      await written
      expect(await cache.get('k'), `${later} microtasks later`).toBeUndefined()
    }
  })
})

/** What takes a value away. */
const REMOVALS: ReadonlyArray<readonly [string, (cache: Cache) => Promise<boolean>]> = [
  ['delete', (cache) => cache.delete('k')],
  ['set', (cache) => cache.set('k', 'new')],
  ['deleteByTag', (cache) => cache.deleteByTag('t')],
  ['clear', (cache) => cache.clear()],
]

describe('a change that Redis refuses', () => {
  test.each(REMOVALS)('outlives a read that began while %s was under way', async (_, remove) => {
    const server = await ownRedis()
    const { cache } = makeTimedCache({ redis: await connect(IOREDIS[0].Client, server), tags: ['t'] })
    for (let later = 0; later < 20; later++) {
      expect(await cache.set('k', 'before')).toBe(true)
      await server.command('ACL', 'SETUSER', 'default', '-del', '-evalsha', '-eval')
      const removed = remove(cache)
      for (let turn = 0; turn < later; turn++) await undefined
      const read = cache.get('k')
      expect(await removed).toBe(false)
      const after = cache.get('k')
      await read
      expect([await after, await cache.get('k')], `${later} microtasks later`).toEqual([undefined, undefined])
      await server.command('ACL', 'SETUSER', 'default', '+@all')
    }
  })
})
