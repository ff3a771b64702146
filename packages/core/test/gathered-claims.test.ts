import { AsyncLocalStorage } from 'node:async_hooks'
import { describe, expect, test } from 'vitest'
import { makeCache } from './support/caches.js'
import { makeOdd, toldErrors } from './support/odd-replies.js'
import { connect, IOREDIS, ownRedis, type RedisClient, useRedis } from './support/redis.js'
import { noUnhandledRejections } from './support/unhandled.js'

noUnhandledRejections()

const KEYS = Array.from({ length: 50 }, (_, index) => `k${index}`)

/** How often Redis was asked by each command until the function ended. */
async function callsDuring(client: RedisClient, work: () => Promise<unknown>): Promise<Record<string, number>> {
  await client.config('RESETSTAT')
  await work()
  const stats = await client.info('commandstats')
  return Object.fromEntries(
    Array.from(stats.matchAll(/cmdstat_(\S+?):calls=(\d+)/g), ([, name, calls]) => [name, Number(calls)]),
  )
}

describe.each(IOREDIS)('loads that begin in one tick, $ioredis', ({ Client }) => {
  const redis = useRedis()

  async function open(options: Parameters<typeof makeCache>[0] = {}) {
    const client = await connect(Client, redis.server)
    const cache = makeCache({ redis: client, redisTimeout: 10_000, ...options })
    await cache.ready()
    return { cache, client, name: cache.name }
  }

  const load = (cache: ReturnType<typeof makeCache>, keys: readonly string[] = KEYS) =>
    Promise.all(keys.map((key) => cache.getOrSet(key, () => `of ${key}`)))

  test.each([
    ['the first ones of a process', false],
    ['once all is known', true],
  ])('claim their leases together, all but the first: %s', async (_, isWarm) => {
    // The server knows the scripts.
    await load((await open()).cache, ['warm'])
    const { cache, client } = await open()
    if (isWarm) await load(cache, ['warm'])
    const calls = await callsDuring(client, async () => {
      expect(await load(cache)).toEqual(KEYS.map((key) => `of ${key}`))
    })
    // Two that claim, and one for each value that is stored.
    expect(calls['evalsha']).toBe(2 + KEYS.length)
    expect(cache.stats()).toMatchObject({ misses: KEYS.length + Number(isWarm), loads: KEYS.length + Number(isWarm) })
    expect(await Promise.all(KEYS.map((key) => cache.get(key)))).toEqual(KEYS.map((key) => `of ${key}`))
  })

  // They waited for ever, and the rejection was nobody's.
  test.each([
    ['alone', ['k1']],
    ['among others', ['k0', 'k1', 'k2']],
  ])('one whose reply cannot be taken is loaded all the same, and it is told: %s', async (_, keys) => {
    const { cache, client, name } = await open()
    const told = toldErrors()
    await load(cache, ['warm'])
    await client.set(`${name}:v:{k1}`, 'odd')
    const failure = makeOdd(client, 'odd')
    expect(await load(cache, keys)).toEqual(keys.map((key) => `of ${key}`))
    expect(told).toEqual(['otel-cache: a reply was not taken [OTEL_CACHE_REPLY_NOT_TAKEN]', failure])
  })

  test('each store what they loaded, and nothing that was changed meanwhile', async () => {
    const { cache, client, name } = await open()
    const other = makeCache({ name, redis: client, memory: false, redisTimeout: 10_000 })
    await load(cache, ['warm'])
    const loads = KEYS.map((key) =>
      cache.getOrSet(key, async () => {
        if (key === 'k7') expect(await other.delete('k7')).toBe(true)
        if (key === 'k8') expect(await other.set('k8', 'newer')).toBe(true)
        return `of ${key}`
      }),
    )
    expect(await Promise.all(loads)).toEqual(KEYS.map((key) => `of ${key}`))
    expect(await other.getMany(['k6', 'k7', 'k8'])).toEqual(['of k6', undefined, 'newer'])
  })

  test('of several views, lifetimes and tags belong to generations of their own', async () => {
    const { cache } = await open()
    const view = cache.namespace('view')
    const five = () =>
      Promise.all([
        cache.getOrSet('a', () => 'a'),
        view.getOrSet('a', () => 'in view'),
        cache.getOrSet('long', () => 'long', { ttl: 3_600_000 }),
        cache.getOrSet('tagged', () => 'tagged', { tags: ['t'] }),
        cache.getOrSet('other', () => 'other', { tags: ['o'] }),
      ])
    for (let round = 0; round < 2; round++) expect(await five()).toEqual(['a', 'in view', 'long', 'tagged', 'other'])
    expect(cache.stats().loads).toBe(5)
    await cache.deleteByTag('t')
    await view.clear()
    await five()
    expect(cache.stats().loads).toBe(7)
  })

  test('wait for the loads of another process, each for its own', async () => {
    const { cache, name } = await open()
    const elsewhere = makeCache({ name, redis: await connect(Client, redis.server), redisTimeout: 10_000 })
    await elsewhere.ready()
    let finish!: () => void
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    let begun!: () => void
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve
    })
    const theirs = elsewhere.getOrSet('k3', async () => {
      begun()
      await finished
      return 'theirs'
    })
    await hasBegun
    const ours = load(cache)
    expect(await cache.getOrSet('k0', () => 'unused')).toBe('of k0')
    finish()
    expect(await theirs).toBe('theirs')
    expect(await ours).toEqual(KEYS.map((key) => (key === 'k3' ? 'theirs' : `of ${key}`)))
  })

  test('call each loader in its own caller’s context', async () => {
    const storage = new AsyncLocalStorage<string>()
    const { cache } = await open()
    const seen = await Promise.all(
      KEYS.map((key) => storage.run(key, () => cache.getOrSet(key, () => storage.getStore() ?? 'nowhere'))),
    )
    expect(seen).toEqual(KEYS)
  })

  test('one that is forbidden fails alone', async () => {
    const { client, name } = await open()
    const allowed = [`~${name}:g:*`, `~${name}:v:{k1}`, `~${name}:l:{k1}`]
    await client.call('ACL', 'SETUSER', name, 'on', '>secret', '+@all', '&*', ...allowed)
    const restricted = await connect(Client, redis.server, { username: name, password: 'secret' })
    const cache = makeCache({ redis: restricted, memory: false, name, redisTimeout: 10_000 })
    await cache.ready()
    expect(await load(cache, ['k0', 'k1', 'k2'])).toEqual(['of k0', 'of k1', 'of k2'])
    expect(await client.exists(`${name}:v:{k1}`, `${name}:v:{k0}`)).toBe(1)
  })

  test('all end at their deadline where Redis hangs, and open the breaker', async () => {
    const server = await ownRedis()
    const client = await connect(Client, server)
    const cache = makeCache({ redis: client, memory: false })
    await load(cache, ['warm'])
    await server.kill('SIGSTOP')
    expect(await load(cache)).toEqual(KEYS.map((key) => `of ${key}`))
    expect(cache.stats().misses).toBe(KEYS.length + 1)
    expect(cache.stats().circuit).not.toBe('closed')
    await server.kill('SIGCONT')
  })
})
