import { describe, expect, test } from 'vitest'
import type { RedisLike, StandardSchema } from '../../src/index.js'
import { makeCache } from '../support/caches.js'
import { turn } from '../support/fake-clock.js'
import type { RedisClient } from '../support/redis.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { deferred } from '../support/until.js'
import { HeldLoader } from './support/loads.js'
import { describeTimedStores, useTimedRedis } from './support/stores.js'

noUnhandledRejections()

const WINDOWS = { staleWhileRevalidate: 60_000, staleIfError: 60_000 }

/** The client, with something done each time a command has been sent and before its reply. */
function spied(client: RedisClient, onSent: (command: string, args: readonly unknown[]) => void): RedisLike {
  return new Proxy(client as unknown as RedisLike, {
    get(target, name) {
      if (name !== 'callBuffer') {
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      }
      return (command: string, ...args: unknown[]) => {
        const reply = target.callBuffer(command, ...args)
        onSent(command, args)
        return reply
      }
    },
  })
}

/** A schema whose verdicts the test holds back. */
function heldSchema(): { schema: StandardSchema; asked: Promise<void>; accept: () => void } {
  const asked = deferred()
  const verdict = deferred<{ value: unknown }>()
  return {
    schema: {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => {
          asked.resolve()
          return verdict.promise.then(() => ({ value }))
        },
      },
    },
    asked: asked.promise,
    accept: () => verdict.resolve({ value: undefined }),
  }
}

describeTimedStores('while a set is under way', (store) => {
  test('a load that begins meanwhile does not replace what was set', async () => {
    const { cache, another, quiet } = await store.open()
    const { load, runs } = new HeldLoader<string>()
    const set = cache.set('k', 'set')
    const loading = cache.getOrSet('k', load)
    expect(await set).toBe(true)
    await quiet()
    runs[0]?.resolve('loaded')
    expect(await loading).toBeOneOf(['set', 'loaded'])
    await quiet()
    expect(await cache.get('k')).toBe('set')
    if (another() !== undefined) expect(await another()?.get('k')).toBe('set')
  })

  test('a batch load that begins meanwhile does not replace what was set', async () => {
    const { cache, quiet } = await store.open()
    const run = deferred<readonly string[]>()
    const set = cache.setMany([
      ['a', 'set a'],
      ['b', 'set b'],
    ])
    const loading = cache.getOrSetMany(['a', 'b', 'c'], (keys) =>
      run.promise.then(() => keys.map((key) => `new ${key}`)),
    )
    expect(await set).toBe(true)
    await quiet()
    run.resolve([])
    await loading
    await quiet()
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual(['set a', 'set b', 'new c'])
  })

  test('a tag that ends after it removes what was set, and one that ended before does not', async () => {
    const { cache, quiet } = await store.open({ tags: ['t'] })
    const [, ended] = await Promise.all([cache.set('k', 1), cache.deleteByTag('t')])
    expect(ended).toBe(true)
    await quiet()
    expect(await cache.get('k')).toBeUndefined()
    expect(await Promise.all([cache.deleteByTag('t'), cache.set('k', 2)])).toEqual([true, true])
    await quiet()
    expect(await cache.get('k')).toBe(2)
  })

  test('the last of several changes has the last word', async () => {
    const { cache, quiet } = await store.open()
    await Promise.all([cache.set('k', 1), cache.set('k', 2), cache.delete('k'), cache.set('k', 3)])
    expect(await cache.get('k')).toBe(3)
    await Promise.all([cache.set('k', 4), cache.delete('k')])
    await quiet()
    expect(await cache.get('k')).toBeUndefined()
    await Promise.all([cache.delete('k'), cache.set('k', 5), cache.clear()])
    await quiet()
    expect(await cache.get('k')).toBeUndefined()
    await Promise.all([cache.clear(), cache.set('k', 6)])
    expect(await cache.get('k')).toBe(6)
  })
})

describeTimedStores('a tag that ends while a refresh of its stale value runs', (store) => {
  test('takes the stale value with it: callers who come later wait for a load', async () => {
    const { cache, pass, quiet } = await store.open({ ...WINDOWS, tags: ['t'] })
    await cache.set('k', 'old')
    await cache.expire('k')
    await pass(1_001)
    const loader = new HeldLoader<string>()
    expect(await cache.getOrSet('k', loader.load)).toBe('old')
    await loader.run(1)
    expect(await cache.deleteByTag('t')).toBe(true)
    const later = cache.getOrSet('k', () => 'new')
    await quiet()
    loader.runs[0]?.resolve('late')
    expect(await later).toBe('new')
  })

  test('takes the stale value with it: a load that fails has nothing to fall back to', async () => {
    const { cache, pass, quiet } = await store.open({ staleIfError: 60_000, tags: ['t'] })
    await cache.set('k', 'old')
    await cache.expire('k')
    await pass(1_001)
    const loader = new HeldLoader<string>()
    const early = cache.getOrSet('k', loader.load)
    await loader.run(1)
    expect(await cache.deleteByTag('t')).toBe(true)
    const failure = new Error('origin')
    const later = cache.getOrSet('k', () => {
      throw failure
    })
    later.catch(() => {})
    await quiet()
    loader.runs[0]?.reject(failure)
    await early.catch(() => {})
    await expect(later).rejects.toBe(failure)
  })
})

describe('in Redis', () => {
  const redis = useTimedRedis()

  test.each(['delete', 'deleteByTag', 'clear', 'set', 'expire'] as const)(
    'a %s that is sent behind a load that is being stored wins, also where Redis does not know the script',
    async (change) => {
      const client = await redis.newClient()
      const changes = {
        delete: () => cache.delete('k'),
        deleteByTag: () => cache.deleteByTag('t'),
        clear: () => cache.clear(),
        set: () => cache.set('k', 'set'),
        expire: () => cache.expire('k'),
      }
      let changed: Promise<boolean> | undefined
      const { cache, another, quiet } = await redis.open({
        redis: spied(client, (command, args) => {
          const stores = command === 'evalsha' && args.some((arg) => String(arg).includes('loaded'))
          if (stores) changed ??= changes[change]()
        }),
        tags: ['t'],
      })
      // The generations are known, so that nothing but the value is still to be written.
      await cache.set('other', 1)
      const loader = new HeldLoader<string>()
      const loading = cache.getOrSet('k', loader.load)
      await loader.run(1)
      await client.script('FLUSH')
      loader.runs[0]?.resolve('loaded')
      expect(await loading).toBe('loaded')
      expect(await changed).toBe(true)
      await quiet()
      const left = change === 'set' ? 'set' : undefined
      expect(await cache.get('k')).toBe(left)
      expect(await another()?.get('k')).toBe(left)
    },
  )

  test.each(['deleteByTag', 'clear', 'delete', 'set'] as const)(
    'a %s while what was read is still being checked wins over it for callers who come later',
    async (change) => {
      const { schema, asked, accept } = heldSchema()
      const { cache, another, quiet } = await redis.open({ schema, tags: ['t'], memory: false })
      await another()?.set('k', 'old')
      const early = cache.getOrSet('k', () => 'new')
      await asked
      const changes = {
        deleteByTag: () => cache.deleteByTag('t'),
        clear: () => cache.clear(),
        delete: () => cache.delete('k'),
        set: () => cache.set('k', 'set'),
      }
      expect(await changes[change]()).toBe(true)
      const later = cache.getOrSet('k', () => 'new')
      await quiet()
      accept()
      expect(await early).toBeOneOf(['old', 'new', 'set'])
      expect(await later).toBe(change === 'set' ? 'set' : 'new')
    },
  )

  test('an expire is seen by who asks next, however little time has passed', async () => {
    const client = await redis.newClient()
    for (const memory of [false, undefined] as const) {
      const cache = makeCache({ redis: client, redisTimeout: 10_000, ...WINDOWS, ...(memory === false && { memory }) })
      for (let round = 0; round < 200; round++) {
        await cache.set('k', round)
        if (round % 2 === 0) await cache.get('k')
        expect(await cache.expire('k')).toBe(true)
        expect(await cache.get('k')).toBeUndefined()
        expect(await cache.has('k')).toBe(false)
      }
    }
  })

  test('an expire while a value is being read is not undone by the read', async () => {
    const client = await redis.newClient()
    const { cache, pass } = await redis.open({ redis: client, ...WINDOWS })
    await cache.set('k', 'value')
    await client.script('FLUSH')
    const expired = cache.expire('k')
    const read = cache.get('k')
    expect(await expired).toBe(true)
    await read
    await pass(1_001)
    expect(await cache.get('k')).toBeUndefined()
  })
})

test('turn is enough for memory alone to settle a load', async () => {
  const cache = makeCache()
  let settled = false
  cache
    .getOrSet('k', () => 1)
    .then(() => {
      settled = true
    })
  await turn()
  expect(settled).toBe(true)
})
