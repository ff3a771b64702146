import { once } from 'node:events'
import { type RedisCluster, startCluster } from '@otel-cache/test-servers'
import { Cluster } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { entry, type Lifetime } from '../../src/index.js'
import { freshName, makeTimedCache } from '../support/caches.js'
import { fakeEnvironment } from '../support/environment.js'
import { turn } from '../support/fake-clock.js'
import type { RedisClient } from '../support/redis.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { HeldLoader, unexpected } from './support/loads.js'
import { describeTimedStores, useTimedRedis } from './support/stores.js'

noUnhandledRejections()

/** A Redis Cluster, with a client. */
function useCluster(): { readonly client: Cluster } {
  let servers: RedisCluster | undefined
  let client: Cluster
  beforeAll(async () => {
    servers = await startCluster()
    client = new Cluster(servers.address)
    await once(client, 'ready')
  })
  afterAll(async () => {
    client?.disconnect()
    await servers?.stop()
  })
  return {
    get client() {
      return client
    },
  }
}

describe('jitter', () => {
  const redis = useTimedRedis()

  /** For how long a value loaded under this draw lives in memory, to the millisecond. */
  async function livesFor(random: number, options: { ttl: number; jitter?: number }): Promise<number> {
    const { cache, clock } = makeTimedCache(
      {},
      fakeEnvironment(() => random),
    )
    await cache.getOrSet('k', () => 1, options)
    for (let age = 0; ; age++) {
      if (cache.peek('k') === undefined) return age
      await clock.advance(1)
    }
  }

  test('shortens a lifetime by a random share up to its own, and never lengthens it', async () => {
    expect(await livesFor(0, { ttl: 200, jitter: 0.5 })).toBe(200)
    expect(await livesFor(0.5, { ttl: 200, jitter: 0.5 })).toBe(150)
    expect(await livesFor(0.999_999, { ttl: 200, jitter: 0.5 })).toBeOneOf([100, 101])
    expect(await livesFor(0.999_999, { ttl: 200, jitter: 0 })).toBe(200)
    expect(await livesFor(0.999_999, { ttl: 200, jitter: 1 })).toBeLessThanOrEqual(1)
    // The default is a tenth.
    expect(await livesFor(0.999_999, { ttl: 200 })).toBeOneOf([180, 181])
  })

  test('is drawn for each value by itself, so that what was loaded together does not end together', async () => {
    let draw = 0
    const environment = fakeEnvironment(() => {
      draw = (draw + 0.37) % 1
      return draw
    })
    const { cache, client, quiet } = await redis.open({ jitter: 0.5, ttl: 1_000_000 }, environment)
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`)
    await cache.getOrSetMany(keys, (missing) => [...missing])
    await quiet()
    const names = await client?.keys(`${cache.name}:v:*`)
    const lefts = await Promise.all((names ?? []).map((name) => client?.pttl(name)))
    expect(lefts).toHaveLength(20)
    expect(new Set(lefts.map((left) => Math.round((left ?? 0) / 10_000))).size).toBeGreaterThan(5)
    for (const left of lefts) {
      expect(left).toBeLessThanOrEqual(1_000_000)
      expect(left).toBeGreaterThan(490_000)
    }
  })

  test('shortens what a loader, a negative lifetime or notModified decided, too', async () => {
    const { cache, client, quiet } = await redis.open(
      { ttl: 1_000_000, negativeTtl: 500_000, jitter: 0.5 },
      fakeEnvironment(() => 0.5),
    )
    await cache.getOrSet('entry', () => entry(1, { ttl: 2_000_000 }))
    await cache.getOrSet('null', () => null)
    await quiet()
    const left = async (key: string) => Number(await client?.pttl(`${cache.name}:v:{${key}}`))
    for (const [key, ttl] of [
      ['entry', 1_500_000],
      ['null', 375_000],
    ] as const) {
      expect(await left(key)).toBeLessThanOrEqual(ttl)
      expect(await left(key)).toBeGreaterThan(ttl - 10_000)
    }
  })
})

describeTimedStores('the lifetime of null', (store) => {
  test('is its own where there is one, and that of everything else where there is none', async () => {
    const { cache, pass, quiet } = await store.open({ ttl: 20_000 })
    await cache.getOrSet('own', () => null, { negativeTtl: 5_000 })
    await cache.getOrSet('not null', () => 0, { negativeTtl: 5_000 })
    await cache.getOrSet('shared', () => null)
    await cache.set('set', null, { negativeTtl: 5_000 })
    await quiet()
    expect(await cache.getMany(['own', 'not null', 'shared', 'set'])).toEqual([null, 0, null, null])
    expect(await cache.getOrSet('own', unexpected)).toBeNull()
    await pass(6_000)
    expect(await cache.getMany(['own', 'not null', 'shared', 'set'])).toEqual([undefined, 0, null, undefined])
  })

  test('of 0 stores nothing: each caller asks the origin', async () => {
    const { cache } = await store.open({ negativeTtl: 0 })
    let loads = 0
    const load = () => {
      loads += 1
      return null
    }
    expect(await cache.getOrSet('k', load)).toBeNull()
    expect(await cache.getOrSet('k', load)).toBeNull()
    expect(loads).toBe(2)
    expect(await cache.has('k')).toBe(false)
  })
})

describeTimedStores('what a loader decides', (store) => {
  const cluster = useCluster()

  test('replaces the lifetime of the call, and what it leaves out stays', async () => {
    const { cache, pass, quiet } = await store.open({ ttl: 20_000, staleIfError: 60_000, tags: ['cache'] })
    await cache.getOrSet('ttl', () => entry('v', { ttl: 5_000 }), { tags: ['call'] })
    await cache.getOrSet('tags', async () => entry('v', { tags: ['own', 'more'] }), { ttl: 5_000 })
    await cache.getOrSet('windows', () => entry('v', { ttl: 5_000, staleIfError: 0 }))
    await cache.getOrSet('nothing', () => entry('v', {}), { ttl: 5_000 })
    await quiet()
    expect((await cache.inspect('ttl'))?.tags).toEqual(['call'])
    expect([...((await cache.inspect('tags'))?.tags ?? [])].sort()).toEqual(['more', 'own'])
    expect((await cache.inspect('nothing'))?.tags).toEqual(['cache'])
    await pass(6_000)
    for (const key of ['ttl', 'tags', 'nothing']) {
      expect(await cache.get(key)).toBeUndefined()
      expect(await cache.getOrSet(key, () => Promise.reject(new Error('origin')))).toBe('v')
    }
    await expect(cache.getOrSet('windows', () => Promise.reject(new Error('origin')))).rejects.toThrow('origin')
  })

  // A Cluster cannot prolong a generation where it stores a value: what was to last longer once ended with the call's ttl.
  test.runIf(store.isRedis)('keeps its generations as long as its value, also in a Cluster', async () => {
    const name = freshName()
    const { client } = await store.open()
    for (const redis of [client, cluster.client] as RedisClient[]) {
      const { cache, quiet } = await store.open({ name, redis, ttl: 1_000, negativeTtl: 1_000 })
      const cases: Record<string, { value: number | null; lifetime: Lifetime; tags?: string[] }> = {
        value: { value: 1, lifetime: { ttl: 600_000 } },
        null: { value: null, lifetime: { negativeTtl: 600_000 } },
        stale: { value: 1, lifetime: { staleIfError: 600_000 } },
        tagged: { value: 1, lifetime: { ttl: 600_000 }, tags: ['called'] },
        retagged: { value: 1, lifetime: { ttl: 600_000, tags: ['own'] }, tags: ['called'] },
      }
      for (const [key, { value, lifetime, tags = [] }] of Object.entries(cases)) {
        await cache.namespace(key).getOrSet(key, () => entry(value, lifetime), { tags })
      }
      await cache.namespace('ever').getOrSet('ever', () => entry(1, { ttl: Number.POSITIVE_INFINITY }))
      await quiet()
      const left = (generation: string): Promise<number> => redis.pttl(`${name}:g:${generation}`)
      const generations = ['tagged:{called}', '{called}', 'retagged:{own}', '{own}']
      for (const generation of [...Object.keys(cases).map((key) => `${key}:`), ...generations]) {
        expect(await left(generation), generation).toBeGreaterThan(500_000)
      }
      expect(await left('ever:')).toBe(-1)
      for (const key of [...Object.keys(cases), 'ever']) expect(await cache.namespace(key).has(key), key).toBe(true)
    }
  })

  test('may be not to store at all, also over what was there', async () => {
    const { cache, another, quiet } = await store.open({ staleIfError: 60_000 })
    expect(await cache.getOrSet('k', () => entry('v', { ttl: 0 }))).toBe('v')
    await quiet()
    expect(await cache.has('k')).toBe(false)
    await cache.set('k', 'old')
    expect(await cache.getOrSet('k', () => entry('new', { ttl: 0 }), { refresh: true })).toBe('new')
    await quiet()
    expect(await cache.get('k')).toBeUndefined()
    if (another() !== undefined) expect(await another()?.get('k')).toBeUndefined()
  })

  test('is shared by all who waited, and refused by name where it is nonsense', async () => {
    const { cache } = await store.open()
    const { load, run } = new HeldLoader<unknown>()
    const calls = [cache.getOrSet('k', load), cache.getOrSet('k', load, { ttl: 1 })]
    ;(await run(1)).resolve(entry({ a: 1 }, { ttl: 10_000 }))
    expect(await Promise.all(calls)).toEqual([{ a: 1 }, { a: 1 }])
    for (const lifetime of [{ ttl: -1 }, { ttl: Number.NaN }, { jitter: 2 }, { tags: [''] }, { tag: 'x' }, null]) {
      const refused = cache.getOrSet('bad', () => entry(1, lifetime as never))
      await expect(refused).rejects.toMatchObject({ code: 'ERR_CACHE_INVALID_OPTION' })
    }
    expect(await cache.has('bad')).toBe(false)
  })

  test('is told from a value of the same shape', async () => {
    const { cache } = await store.open()
    const lookalike = { value: 1, lifetime: { ttl: 0 } }
    expect(await cache.getOrSet('k', () => lookalike as unknown)).toEqual(lookalike)
    expect(await cache.get('k')).toEqual(lookalike)
  })

  test('may be about null, or about nothing', async () => {
    const { cache, pass, quiet } = await store.open({ ttl: 60_000, negativeTtl: 30_000 })
    expect(await cache.getOrSet('null', () => entry(null, { negativeTtl: 3_000 }))).toBeNull()
    expect(await cache.getOrSet<unknown>('nothing', () => entry(undefined, { ttl: 3_000 }))).toBeUndefined()
    await quiet()
    expect(await cache.has('nothing')).toBe(false)
    expect(await cache.get('null')).toBeNull()
    await pass(4_000)
    expect(await cache.get('null')).toBeUndefined()
  })
})

describeTimedStores('undefined', (store) => {
  test('is returned to every waiter and stored nowhere', async () => {
    const { cache, another, quiet } = await store.open()
    const { load, run, runs } = new HeldLoader<string | undefined>()
    const calls = [cache.getOrSet('k', load), cache.getOrSet('k', load)]
    ;(await run(1)).resolve(undefined)
    expect(await Promise.all(calls)).toEqual([undefined, undefined])
    await quiet()
    expect(await cache.has('k')).toBe(false)
    expect(await another()?.has('k')).toBeFalsy()
    expect(cache.stats()).toMatchObject({ misses: 2, loads: 1, coalesced: 1 })
    const again = cache.getOrSet('k', load)
    ;(await run(2)).resolve('now')
    expect(await again).toBe('now')
    expect(runs).toHaveLength(2)
  })
})

describeTimedStores('maxValueBytes', (store) => {
  test('returns what is too large, stores it nowhere, and leaves no old value behind', async () => {
    const { cache, another, quiet } = await store.open({ maxValueBytes: 20, staleWhileRevalidate: 60_000 })
    const large = 'x'.repeat(19)
    const fits = 'x'.repeat(18)
    expect(await cache.getOrSet('large', () => large)).toBe(large)
    expect(await cache.getOrSet('fits', () => fits)).toBe(fits)
    await quiet()
    expect(await cache.getMany(['large', 'fits'])).toEqual([undefined, fits])
    expect(await another()?.has('large')).toBeFalsy()

    await cache.set('k', 'small')
    expect(await cache.set('k', large)).toBe(false)
    expect(await cache.get('k')).toBeUndefined()
    await cache.set('k', 'small')
    expect(await cache.getOrSet('k', () => large, { refresh: true })).toBe(large)
    await quiet()
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.getOrSet('k', () => 'new')).toBe('new')
  })

  test('counts bytes, not letters, and each key of a batch by itself', async () => {
    const { cache, quiet } = await store.open({ maxValueBytes: 8 })
    expect(await cache.getOrSetMany(['a', 'b', 'c'], () => ['ääää', 'aaaa', 'äää'])).toEqual(['ääää', 'aaaa', 'äää'])
    await quiet()
    expect(await cache.getMany(['a', 'b', 'c'])).toEqual([undefined, 'aaaa', 'äää'])
  })
})

describeTimedStores('what looks and counts nothing', (store) => {
  test('inspect tells value, tier, freshness, age and tags', async () => {
    const { cache, another, pass, quiet } = await store.open({ ttl: 60_000, staleIfError: 60_000 })
    expect(await cache.inspect('k')).toBeUndefined()
    await cache.getOrSet('k', () => entry({ a: [1] }, { tags: ['t', 's'] }))
    await quiet()
    const before = cache.stats()
    const found = await cache.inspect('k')
    expect(found).toMatchObject({ value: { a: [1] }, fresh: true, tier: store.hasMemory ? 'memory' : 'redis' })
    expect([...(found?.tags ?? [])].sort()).toEqual(['s', 't'])
    expect(found?.age).toBeLessThan(1_000)
    await pass(5_000)
    const older = await cache.inspect('k')
    expect(older?.age).toBeGreaterThanOrEqual(4_900)
    expect(older?.age).toBeLessThan(6_000)
    if (another() !== undefined) expect(await another()?.inspect('k')).toMatchObject({ tier: 'redis', fresh: true })
    await pass(60_000)
    expect(await cache.inspect('k')).toMatchObject({ value: { a: [1] }, fresh: false })
    await pass(60_000)
    expect(await cache.inspect('k')).toBeUndefined()
    await cache.has('k')
    cache.peek('k')
    const { hits, misses, stale, loads } = cache.stats()
    expect({ hits, misses, stale, loads }).toEqual({
      hits: before.hits,
      misses: before.misses,
      stale: before.stale,
      loads: before.loads,
    })
  })
})

describeTimedStores('waitUntil', (store) => {
  test('receives the promise of everything that goes on behind, which settles once that is stored', async () => {
    const background: Array<Promise<unknown>> = []
    let random = 0
    const opened = await store.open(
      { waitUntil: (one) => void background.push(one), earlyRefresh: true, ttl: 10_000 },
      fakeEnvironment(() => random),
    )
    const { cache, clock, pass, quiet } = opened
    const early = new HeldLoader<string>()
    const first = cache.getOrSet('early', early.load)
    const { resolve } = await early.run(1)
    await clock.advance(1_000)
    resolve('old')
    await first
    await cache.getOrSet('foreground', () => 1)
    await cache.getOrSet('foreground', () => 1)
    await expect(cache.getOrSet('failing', () => Promise.reject(new Error('origin')))).rejects.toThrow()
    await quiet()
    expect(background).toHaveLength(0)

    await cache.setMany(
      ['swr', 'batch', 'soft'].map((key) => [key, 'old'] as const),
      { ttl: 2_000, staleWhileRevalidate: 0, staleIfError: 60_000 },
    )
    await cache.setMany(
      ['swr', 'batch'].map((key) => [key, 'old'] as const),
      { ttl: 2_000, staleWhileRevalidate: 60_000 },
    )
    await pass(3_000)

    random = 0.999_999
    const paths: Record<string, () => Promise<unknown>> = {
      early: () => cache.getOrSet('early', late.load),
      swr: () => cache.getOrSet('swr', late.load),
      batch: () => cache.getOrSetMany(['batch'], async () => [await late.load(undefined as never)]),
      soft: async () => {
        const call = cache.getOrSet('soft', late.load, { softLoadTimeout: 10 })
        await late.run(1)
        await clock.advance(10)
        return call
      },
    }
    let late = new HeldLoader<string>()
    for (const [key, path] of Object.entries(paths)) {
      late = new HeldLoader()
      background.length = 0
      expect([await path()].flat(), key).toEqual(['old'])
      random = 0
      const run = await late.run(1)
      await quiet()
      expect(background.length, key).toBeGreaterThan(0)
      let settled = 0
      for (const one of background) one.then(() => settled++)
      await turn()
      expect(settled).toBe(0)
      run.resolve('new')
      await Promise.all(background)
      expect(await cache.get(key), key).toBe('new')
      random = 0.999_999
    }
  })

  test('receives promises that never reject', async () => {
    const background: Array<Promise<unknown>> = []
    const { cache, pass, quiet } = await store.open({
      waitUntil: (one) => void background.push(one),
      staleWhileRevalidate: 60_000,
      ttl: 2_000,
    })
    await cache.set('k', 'old')
    await pass(3_000)
    expect(await cache.getOrSet('k', () => Promise.reject(new Error('origin')))).toBe('old')
    await quiet()
    expect((await Promise.allSettled(background)).map(({ status }) => status)).toContain('fulfilled')
    await Promise.all(background)
  })

  test('that throws, or rejects, hurts nobody', async () => {
    for (const waitUntil of [
      () => {
        throw new Error('too late')
      },
      async () => {
        throw new Error('too late, and async')
      },
    ]) {
      const { cache, pass, quiet } = await store.open({ waitUntil, staleWhileRevalidate: 60_000, ttl: 2_000 })
      await cache.set('k', 'old')
      await pass(3_000)
      expect(await cache.getOrSet('k', () => 'new')).toBe('old')
      await quiet()
      expect(await cache.get('k')).toBe('new')
    }
  })
})
