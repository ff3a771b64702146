import type { RedisOptions } from 'ioredis'
import { describe, expect, test } from 'vitest'
import type { CacheOptions } from '../src/index.js'
import { freshName, makeCache, makeTimedCache, withoutChannel } from './support/caches.js'
import { allKeys, connect, IOREDIS, ownRedis, type RedisClient, useRedis } from './support/redis.js'
import { noUnhandledRejections } from './support/unhandled.js'

noUnhandledRejections()

async function fill(client: RedisClient, count: number): Promise<void> {
  const pipeline = client.pipeline()
  for (let index = 0; index < count; index++) pipeline.set(`foreign-${index}`, 'kept')
  await pipeline.exec()
}

describe.each(IOREDIS)('clear with purge, $ioredis', ({ Client }) => {
  const redis = useRedis()

  /** Keys that hold values, beside those that a cache needs for itself. */
  const values = async (client: RedisClient): Promise<string[]> =>
    (await allKeys(client)).filter((key) => key.includes('v:'))

  const CASES: ReadonlyArray<readonly [string, Partial<CacheOptions>, RedisOptions]> = [
    ['plain', {}, {}],
    ['with glob characters in its prefix', { keyPrefix: 'app[1]*?\\:' }, {}],
    ['with glob characters in the version and name', { name: '[*]?', version: '[^a]*' }, {}],
    ["under the client's own prefix", {}, { keyPrefix: 'client:' }],
    ["under a client's prefix of glob characters", { keyPrefix: '*:' }, { keyPrefix: '[cl]?*ent\\:' }],
    ['in db 3', {}, { db: 3 }],
    ['of string numbers', {}, { stringNumbers: true }],
  ]

  test.each(CASES)('removes the bytes of a cache %s, and no foreign key', async (_, options, clientOptions) => {
    const client = await connect(Client, redis.server, clientOptions)
    const plain = await connect(Client, redis.server, { db: clientOptions.db ?? 0 })
    const elsewhere = await connect(Client, redis.server, { db: 1 })
    await plain.flushall()
    // What an unescaped pattern would find as well.
    const foreign = ['app1xx:v:{k}', 'app[1]xx:v:{k}', 'cxent:x:v:{k}', 'other:v:{k}', 'v:{k}', 'av:{k}']
    await plain.mset(foreign.flatMap((key) => [key, 'kept']))
    await elsewhere.set('test:v:{k}', 'kept')
    const cache = makeCache({ redis: client, redisTimeout: 10_000, ...options })
    const keys = ['k', '*', '[a]', '{x}', 'é', '👍', '\0', 'k'.repeat(512)]
    await cache.setMany(keys.map((key) => [key, 1] as const))
    await cache.namespace('n[*]').setMany(keys.map((key) => [key, 1] as const))
    expect(await values(plain)).toHaveLength(foreign.length + 2 * keys.length)
    expect(await cache.clear({ purge: true })).toBe(true)
    expect((await values(plain)).sort()).toEqual([...foreign].sort())
    expect(await elsewhere.get('test:v:{k}')).toBe('kept')
    expect(cache.stats().errors).toBe(0)
  })

  test('of a namespace removes the bytes of it and its children alone', async () => {
    const client = await connect(Client, redis.server)
    await client.flushall()
    const cache = makeCache({ name: 'shop', redis: client, redisTimeout: 10_000 })
    const inside = [cache.namespace('a*'), cache.namespace('a*').namespace('b')]
    const outside = [cache, cache.namespace('a'), cache.namespace('a*b'), cache.namespace('aa'), cache.namespace('b')]
    for (const view of [...inside, ...outside]) await view.set('k', 1)
    expect(await inside[0]?.clear({ purge: true })).toBe(true)
    expect(await values(client)).toHaveLength(outside.length)
    for (const view of outside) expect(await view.get('k')).toBe(1)
    for (const view of inside) expect(await view.get('k')).toBeUndefined()
  })

  test('removes thousands, among thousands of others', async () => {
    const client = await connect(Client, redis.server)
    await client.flushall()
    await fill(client, 5_000)
    const cache = makeCache({ redis: client, redisTimeout: 10_000 })
    await cache.setMany(Array.from({ length: 2_500 }, (_, index) => [`key-${index}`, index] as const))
    expect(await client.dbsize()).toBeGreaterThanOrEqual(7_500)
    expect(await cache.clear({ purge: true })).toBe(true)
    expect(await values(client)).toEqual([])
    expect(await client.dbsize()).toBeLessThanOrEqual(5_001)
    expect(await client.get('foreign-4999')).toBe('kept')
  })

  test('waits for Redis and for nothing else: no page of foreign keys costs a timeout', async () => {
    const client = await connect(Client, redis.server)
    await client.flushall()
    await fill(client, 3_000)
    // Time stands still, so that a wait for a timer would never end.
    const { cache, clock } = makeTimedCache({ redis: client })
    await cache.set('a', 1)
    expect(await cache.clear({ purge: true })).toBe(true)
    expect(await cache.clear({ purge: true })).toBe(true)
    await clock.advance(100)
    expect(clock.pending).toBe(0)
  })

  test('resolves false when Redis stops answering in between, after one redisTimeout', async () => {
    const server = await ownRedis()
    const client = await connect(Client, server)
    const { cache, clock } = makeTimedCache({ redis: client })
    await cache.set('a', 1)
    await server.kill('SIGSTOP')
    let result: boolean | undefined
    const cleared = cache.clear({ purge: true }).then((confirmed) => {
      result = confirmed
    })
    await clock.advance(100)
    await cleared
    expect(result).toBe(false)
    await server.kill('SIGCONT')
  })

  test('without purge the bytes stay, unreadable, and no command walks the keys', async () => {
    const client = await connect(Client, redis.server)
    const admin = await connect(Client, redis.server)
    await client.flushall()
    await client.call('CONFIG', 'RESETSTAT')
    // Its pings would be counted.
    withoutChannel(client)
    const cache = makeCache({ name: freshName(), redis: client, redisTimeout: 10_000, memory: false })
    await cache.setMany(Array.from({ length: 500 }, (_, index) => [`key-${index}`, index] as const))
    const commands = async (): Promise<number> =>
      Number(/total_commands_processed:(\d+)/.exec(await admin.info('stats'))?.[1])
    const before = await commands()
    expect(await cache.clear()).toBe(true)
    // Constant: one command, and the one that asks for the count.
    expect((await commands()) - before).toBeLessThanOrEqual(3)
    expect(await values(client)).toHaveLength(500)
    expect(await cache.getMany(['key-0', 'key-499'])).toEqual([undefined, undefined])
  })
})
