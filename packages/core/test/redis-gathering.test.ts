import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, onTestFinished, test } from 'vitest'
import { unexpected } from './read-through/support/loads.js'
import { freshName, makeCache } from './support/caches.js'
import { makeOdd, toldErrors } from './support/odd-replies.js'
import { connect, IOREDIS, ownRedis, type RedisClient, useRedis } from './support/redis.js'
import { noUnhandledRejections } from './support/unhandled.js'

noUnhandledRejections()

const KEYS = Array.from({ length: 64 }, (_, index) => `k${index}`)

/** How often Redis was asked by a command. */
async function calls(client: RedisClient, command: string): Promise<number> {
  const stats = await client.info('commandstats')
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

describe.each(IOREDIS)('gets of one tick, $ioredis', ({ Client }) => {
  const redis = useRedis()

  async function filled(options: Parameters<typeof makeCache>[0] = {}) {
    const client = await connect(Client, redis.server)
    const name = options.name ?? freshName()
    const cache = makeCache({ redis: client, memory: false, redisTimeout: 10_000, ...options, name })
    await cache.setMany(KEYS.map((key) => [key, `of ${key}`]))
    // What Redis says of the generation is known from here on.
    await cache.ready()
    await cache.get('k0')
    return { cache, client, name }
  }

  const all = (cache: { get(key: string): Promise<unknown> }, keys: readonly string[] = KEYS) =>
    Promise.all(keys.map((key) => cache.get(key)))

  test('travel in one MGET, and each caller gets its own value', async () => {
    const { cache, client } = await filled()
    const [mgets, gets] = [await calls(client, 'mget'), await calls(client, 'get')]
    expect(await all(cache)).toEqual(KEYS.map((key) => `of ${key}`))
    expect([await calls(client, 'mget'), await calls(client, 'get')]).toEqual([mgets + 1, gets])
    expect(cache.stats().hits.redis).toBe(KEYS.length + 1)
  })

  test('of callers who were answered together travel together again', async () => {
    const { cache, client } = await filled()
    const mgets = await calls(client, 'mget')
    const loop = async (key: string) => {
      for (let round = 0; round < 10; round++) expect(await cache.get(key)).toBe(`of ${key}`)
    }
    await Promise.all(KEYS.map(loop))
    expect(await calls(client, 'mget')).toBe(mgets + 10)
  })

  // Who asked again for all of them was counted as one.
  test('and what they shared had ended as it arrived: each is counted, by what came instead', async () => {
    const { cache } = await filled({ tags: ['t'] })
    // Lookups that are likely to find it travel with the others.
    for (let n = 0; n < 4; n++) await cache.getOrSet('k1', unexpected)
    const before = cache.stats()
    const ended = cache.get('k2').then(() => cache.deleteByTag('t'))
    const crowd = Array.from({ length: 100 }, () => cache.getOrSet('k1', () => 'loaded'))
    expect(new Set(await Promise.all(crowd))).toEqual(new Set(['loaded']))
    expect(await ended).toBe(true)
    const after = cache.stats()
    expect([after.misses - before.misses, after.loads - before.loads]).toEqual([100, 1])
    expect([after.hits.redis - before.hits.redis, after.coalesced]).toEqual([1, 99])
  })

  test('a lone one is a GET', async () => {
    const { cache, client } = await filled()
    const gets = await calls(client, 'get')
    expect(await cache.get('k1')).toBe('of k1')
    expect(await calls(client, 'get')).toBe(gets + 1)
  })

  test('of several views, with tags and none, belong to generations of their own', async () => {
    const { cache } = await filled()
    const view = cache.namespace('view')
    const tagged = cache.namespace('tagged', { tags: ['t'] })
    await Promise.all([view.set('k', 'in view'), tagged.set('k', 'tagged')])
    const three = () => Promise.all([cache.get('k0'), view.get('k'), tagged.get('k')])
    expect(await three()).toEqual(['of k0', 'in view', 'tagged'])
    expect(await tagged.deleteByTag('t')).toBe(true)
    expect(await three()).toEqual(['of k0', 'in view', undefined])
    expect(await view.clear()).toBe(true)
    expect(await three()).toEqual(['of k0', undefined, undefined])
  })

  test('what is deleted, set or cleared in the same tick is seen as it is afterwards', async () => {
    const { cache } = await filled()
    const before = all(cache)
    const changes = [cache.delete('k0'), cache.set('k1', 'new'), cache.deleteMany(['k2', 'k3'])]
    await before
    expect(await Promise.all(changes)).toEqual([true, true, true])
    expect(await all(cache, ['k0', 'k1', 'k2', 'k4'])).toEqual([undefined, 'new', undefined, 'of k4'])
    const old = all(cache)
    expect(await cache.clear()).toBe(true)
    await old
    expect(await all(cache, ['k1', 'k4'])).toEqual([undefined, undefined])
  })

  test("the user's own code finds itself in its caller's context", async () => {
    const storage = new AsyncLocalStorage<string>()
    const seen: string[] = []
    const see = (where: string, key: unknown): void => {
      seen.push(`${where} ${key} in ${storage.getStore()}`)
    }
    const name = freshName()
    const told = (event: unknown): void => {
      const { cache, key } = event as { cache: string; key: string }
      if (cache === name) see('event', key)
    }
    subscribe('otel-cache:lookup', told)
    onTestFinished(() => {
      unsubscribe('otel-cache:lookup', told)
    })
    const { cache } = await filled({
      name,
      schema: {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: (value) => {
            see('schema', String(value).slice('of '.length))
            return { value }
          },
        },
      },
    })
    seen.length = 0
    const keys = ['k1', 'k2', 'k3']
    await Promise.all(keys.map((key) => storage.run(key, () => cache.get(key))))
    expect(seen.sort()).toEqual([
      ...keys.map((key) => `event ${key} in ${key}`),
      ...keys.map((key) => `schema ${key} in ${key}`),
    ])
  })

  test('one that holds no value of ours fails alone', async () => {
    const { cache, client, name } = await filled()
    await client.set(`${name}:v:{k1}`, 'nonsense')
    await client.del(`${name}:v:{k2}`)
    await client.lpush(`${name}:v:{k2}`, 'a list')
    expect(await all(cache, ['k0', 'k1', 'k2', 'k3'])).toEqual(['of k0', undefined, undefined, 'of k3'])
    expect(cache.stats()).toMatchObject({ misses: 2, errors: 1 })
  })

  // Nobody else was to suffer from it; who had asked waited for ever.
  test.each([
    ['alone', ['k1'], [undefined]],
    ['among others', ['k0', 'k1', 'k2'], ['of k0', undefined, 'of k2']],
  ])('one whose reply cannot be taken is a miss that is told: %s', async (_, keys, values) => {
    const { cache, client, name } = await filled()
    const told = toldErrors()
    await client.set(`${name}:v:{k1}`, 'odd')
    const failure = makeOdd(client, 'odd')
    const before = cache.stats()
    expect(await all(cache, keys)).toEqual(values)
    expect(told).toEqual(['otel-cache: a reply was not taken [OTEL_CACHE_REPLY_NOT_TAKEN]', failure])
    expect(cache.stats()).toMatchObject({ misses: before.misses + 1, errors: before.errors + 1 })
  })

  test('one that is forbidden fails alone', async () => {
    const { client, name } = await filled()
    await client.call('ACL', 'SETUSER', name, 'on', '>secret', '+@all', '&*', `~${name}:g:*`, `~${name}:v:{k1}`)
    const restricted = await connect(Client, redis.server, { username: name, password: 'secret' })
    const cache = makeCache({ redis: restricted, memory: false, name, redisTimeout: 10_000 })
    await cache.ready()
    expect(await all(cache, ['k0', 'k1'])).toEqual([undefined, 'of k1'])
    expect(cache.stats()).toMatchObject({ hits: { redis: 1 }, misses: 1, errors: 1 })
  })

  test('all end at their deadline where Redis hangs, each counted', async () => {
    const server = await ownRedis()
    const client = await connect(Client, server)
    const cache = makeCache({ redis: client, memory: false })
    await cache.set('k', 1)
    await server.kill('SIGSTOP')
    expect(await all(cache)).toEqual(KEYS.map(() => undefined))
    expect(cache.stats()).toMatchObject({ misses: KEYS.length, errors: KEYS.length })
    await server.kill('SIGCONT')
  })
})
