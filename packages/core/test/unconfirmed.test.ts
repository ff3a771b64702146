import { type RedisServer, startFaultProxy } from '@otel-cache/test-servers'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Cache, CacheOptions } from '../src/index.js'
import { freshName, makeCache, makeTimedCache } from './support/caches.js'
import type { FakeClock } from './support/fake-clock.js'
import { connect, IOREDIS, ownRedis, type RedisClient } from './support/redis.js'
import { noUnhandledRejections } from './support/unhandled.js'
import { until } from './support/until.js'

noUnhandledRejections()

interface Opened {
  readonly server: RedisServer
  readonly client: RedisClient
  /** On injected time. */
  readonly cache: Cache
  readonly clock: FakeClock
  /** Another process's: it sees what Redis has. */
  readonly other: Cache
}

/** Changes that take a value away, with the value that `k` had before. */
const REMOVALS: ReadonlyArray<readonly [string, (cache: Cache) => Promise<boolean>]> = [
  ['delete', (cache) => cache.delete('k')],
  ['deleteMany', (cache) => cache.deleteMany(['k', 'l'])],
  ['deleteByTag', (cache) => cache.deleteByTag('t')],
  ['clear', (cache) => cache.clear()],
  ['set', (cache) => cache.set('k', 'never seen', { tags: ['t'] })],
  ['set with other tags', (cache) => cache.set('k', 'never seen', { tags: ['first of its name'] })],
  ['set that is too large', (cache) => cache.set('k', 'x'.repeat(2_000_000))],
  ['expire', (cache) => cache.expire('k')],
]

describe.each(IOREDIS)('what Redis has not confirmed, $ioredis', ({ Client }) => {
  async function open(options: Partial<CacheOptions> = {}): Promise<Opened> {
    const server = await ownRedis()
    const client = await connect(Client, server)
    const shared = { name: freshName(), tags: ['t'] }
    const other = makeCache({ ...shared, redis: await connect(Client, server), memory: false, redisTimeout: 10_000 })
    const timed = makeTimedCache({ ...shared, redis: client, ...options })
    expect(await timed.cache.set('k', 'old')).toBe(true)
    expect(await timed.cache.set('kept', 'kept', { tags: [] })).toBe(true)
    return { server, client, ...timed, other }
  }

  async function unconfirmed({ server, cache, clock }: Opened, ...calls: Array<(cache: Cache) => Promise<boolean>>) {
    await server.kill('SIGSTOP')
    const results = Promise.all(calls.map((call) => call(cache)))
    await clock.advance(100)
    expect(await results).toEqual(calls.map(() => false))
  }

  test.each(REMOVALS)('%s is replayed once Redis is back, with nobody asking', async (_, remove) => {
    const opened = await open()
    const { server, cache, clock, other } = opened
    await unconfirmed(opened, remove)
    expect(cache.stats().unconfirmed).toBeGreaterThan(0)
    await server.kill('SIGCONT')
    await until(async () => {
      await clock.advance(100)
      return cache.stats().unconfirmed === 0
    }, 'the replay')
    expect(await other.get('k')).toBeUndefined()
    expect(await cache.get('k')).toBeUndefined()
  })

  test.each(REMOVALS)('%s is done before this process reads the key again', async (name, remove) => {
    const { server, cache, other } = await open()
    await refuse(server)
    expect(await remove(cache)).toBe(false)
    expect(await other.get('k')).toBe('old')
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded')
    // Time stands still: nothing is replayed in the background until somebody reads.
    await allow(server)
    expect(cache.stats().unconfirmed).toBeGreaterThan(0)
    if (name !== 'clear') expect(await cache.get('kept')).toBe('kept')
    expect(await other.get('k')).toBe('old')
    expect(await cache.getMany(['k', 'l'])).toEqual([undefined, undefined])
    expect(cache.stats().unconfirmed).toBe(0)
    expect(await cache.getOrSet('k', () => 'new')).toBe('new')
    expect(await other.get('k')).toBe('new')
  })

  test('a set that came after a delete is not deleted by it', async () => {
    const opened = await open()
    const { server, client, cache, clock, other } = opened
    await unconfirmed(opened, (one) => one.delete('k'))
    await server.kill('SIGCONT')
    await until(() => client.commandQueue.length === 0, 'what was sent')
    expect(await cache.set('k', 'new')).toBe(true)
    expect(cache.stats().unconfirmed).toBe(0)
    await clock.advance(10_000)
    expect(await cache.get('k')).toBe('new')
    expect(await other.get('k')).toBe('new')
  })

  test('a set that a full Redis refuses deletes what was there', async () => {
    const { server, cache, other } = await open()
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    expect(await cache.set('k', 'new')).toBe(false)
    expect(await cache.get('k')).toBeUndefined()
    await until(async () => (await other.get('k')) === undefined, 'the delete')
    expect(await other.get('kept')).toBe('kept')
  })

  test('a refresh that is not stored does not leave the fresh value behind', async () => {
    const { server, cache, other } = await open()
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    expect(await cache.getOrSet('k', () => 'new', { refresh: true })).toBe('new')
    await until(async () => (await other.get('k')) === undefined, 'the delete')
  })

  test('a clear swallows the deletes before it, that of a view its own', async () => {
    const { server, cache } = await open()
    const view = cache.namespace('n')
    await refuse(server)
    expect(await cache.deleteMany(['a', 'b', 'c'])).toBe(false)
    expect(await view.deleteMany(['a', 'b'])).toBe(false)
    expect(await view.namespace('m').clear()).toBe(false)
    expect(cache.stats().unconfirmed).toBe(6)
    expect(await view.clear()).toBe(false)
    expect(cache.stats().unconfirmed).toBe(4)
    expect(await cache.clear()).toBe(false)
    expect(cache.stats().unconfirmed).toBe(1)
    expect(await cache.delete('a')).toBe(false)
    expect(cache.stats().unconfirmed).toBe(1)
    await allow(server)
    expect(await cache.getMany(['k', 'kept'])).toEqual([undefined, undefined])
    expect(cache.stats().unconfirmed).toBe(0)
  })

  test('the same key counts once', async () => {
    const opened = await open()
    await unconfirmed(
      opened,
      (one) => one.delete('k'),
      (one) => one.set('k', 1),
      (one) => one.delete('k'),
    )
    expect(opened.cache.stats().unconfirmed).toBe(1)
    await opened.server.kill('SIGCONT')
  })

  test('more than 10,000 become one clear', async () => {
    const opened = await open()
    const { server, cache, clock, other } = opened
    const keys = Array.from({ length: 10_001 }, (_, index) => `many-${index}`)
    await unconfirmed(opened, (one) => one.deleteMany(keys.slice(1)))
    expect(cache.stats().unconfirmed).toBe(10_000)
    await unconfirmed(opened, (one) => one.deleteMany(keys.slice(0, 1)))
    expect(cache.stats().unconfirmed).toBe(1)
    await server.kill('SIGCONT')
    await until(async () => {
      await clock.advance(100)
      return cache.stats().unconfirmed === 0
    }, 'the replay')
    expect(await other.getMany(['k', 'kept'])).toEqual([undefined, undefined])
  })

  test('close tells how much of it is lost', async () => {
    const opened = await open()
    await unconfirmed(opened, (one) => one.deleteMany(['a', 'b', 'c']))
    expect(await opened.cache.close()).toEqual({ unconfirmed: 3 })
    expect(await opened.cache.close()).toEqual({ unconfirmed: 3 })
    await opened.server.kill('SIGCONT')
  })

  test('a set that is confirmed while the rest is replayed is not deleted by it', async () => {
    const server = await ownRedis()
    const proxy = await startFaultProxy({ target: server })
    onTestFinished(() => proxy.stop())
    const client = await connect(Client, proxy)
    const cache = makeCache({ redis: client, memory: false, redisTimeout: 10_000 })
    await until(() => cache.set('warm', 1))
    await refuse(server)
    const keys = Array.from({ length: 3_000 }, (_, index) => `k${index}`)
    expect(await cache.deleteMany(keys)).toBe(false)
    proxy.set({ kind: 'delay', ms: 30 })
    await allow(server)
    expect(await cache.set('k2999', 'new')).toBe(true)
    await until(() => cache.stats().unconfirmed === 0, 'the replay')
    expect(await cache.get('k2999')).toBe('new')
  })

  test('what is no number confirms nothing', async () => {
    const server = await ownRedis()
    const client = await connect(Client, server)
    const name = freshName()
    const cache = makeCache({ name, redis: client, memory: false })
    const other = makeCache({ name, redis: await connect(Client, server), memory: false })
    await until(() => cache.set('k', 'old'))
    // Within a transaction that the application has begun on its client every reply is "QUEUED".
    client.multi({ pipeline: false })
    const answers = [cache.set('k', 'new'), cache.delete('k'), cache.expire('k'), cache.clear({ purge: true })]
    expect(await Promise.all(answers)).toEqual([false, false, false, false])
    expect(cache.stats().unconfirmed).toBeGreaterThan(0)
    expect(await cache.get('k')).toBeUndefined()
    await client.discard()
    await until(async () => (await other.get('k')) === undefined, 'the replay')
  })

  test('close waits for what is under way, and counts it', async () => {
    const { server, cache, clock } = await open()
    await server.kill('SIGSTOP')
    const deleted = cache.delete('k')
    const closed = cache.close()
    await clock.advance(100)
    expect(await deleted).toBe(false)
    expect(await closed).toEqual({ unconfirmed: 1 })
    expect(cache.stats().errors).toBe(1)
    await server.kill('SIGCONT')
  })

  test('also the first thing that a process does', async () => {
    const server = await ownRedis()
    const proxy = await startFaultProxy({ target: server })
    onTestFinished(() => proxy.stop())
    const client = await connect(Client, proxy)
    const cache = makeCache({ redis: client, memory: false })
    // The generation is noted first; then what stores the value is held.
    const set = cache.set('k', 'late')
    await until(async () => (await server.command('EXISTS', `${cache.name}:g:`)) === 1)
    proxy.set({ kind: 'black-hole', direction: 'requests' }, 'open')
    const wasConfirmed = await set
    client.disconnect(true)
    await until(() => cache.delete('k'), 'a confirmed delete')
    proxy.heal()
    // The new one, and the invalidation channel.
    await until(() => proxy.connections <= 2, 'the old connection to end')
    if (!wasConfirmed) expect(await cache.get('k')).toBeUndefined()
  })

  test('a set that Redis gets to after its sender gave up is refused, also behind a delete on another connection', async () => {
    const server = await ownRedis()
    const proxy = await startFaultProxy({ target: server })
    onTestFinished(() => proxy.stop())
    const client = await connect(Client, proxy)
    const cache = makeCache({ redis: client, memory: false })
    await until(() => cache.set('k', 'old'))
    proxy.set({ kind: 'black-hole', direction: 'requests' }, 'open')
    expect(await cache.set('k', 'late')).toBe(false)
    const name = (await keysOf(server)).find((key) => key.includes('v:')) as string
    // The client comes back on another connection, on which the delete is confirmed.
    client.disconnect(true)
    await until(() => cache.delete('k'), 'a confirmed delete')
    expect(await server.command('EXISTS', name)).toBe(0)
    const evals = async (): Promise<number> => Number(/calls=(\d+)/.exec(await info(server))?.[1] ?? 0)
    const before = await evals()
    proxy.heal()
    await until(async () => (await evals()) > before, 'the late set')
    expect(await server.command('EXISTS', name)).toBe(0)
    expect(await cache.get('k')).toBeUndefined()
  })

  test('a Redis whose clock jumped takes the next set all the same', async () => {
    const { cache, clock, other } = await open()
    // This process's clock stands still while Redis's goes on: what it writes seems late.
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(await cache.set('k', 'new')).toBe(true)
    expect(await other.get('k')).toBe('new')
    await clock.advance(1)
  })
})

/** Takes away from everybody what changes anything. */
async function refuse(server: RedisServer): Promise<void> {
  await server.command('ACL', 'SETUSER', 'default', '-del', '-eval', '-evalsha')
}

async function allow(server: RedisServer): Promise<void> {
  await server.command('ACL', 'SETUSER', 'default', '+@all')
}

async function keysOf(server: RedisServer): Promise<string[]> {
  return (await server.command('KEYS', '*')) as string[]
}

async function info(server: RedisServer): Promise<string> {
  const all = String(await server.command('INFO', 'commandstats'))
  return all.split('\n').find((line) => line.startsWith('cmdstat_evalsha:')) ?? ''
}

test('what was deleted is not read again, even where there are too many to be remembered one by one', async () => {
  const server = await ownRedis()
  const [{ Client }] = IOREDIS
  const client = await connect(Client, server)
  const cache = makeCache({ redis: client, redisTimeout: 10_000 })
  await cache.ready()
  await cache.set('a', 'old')
  // What Redis says of the generation is known from here on.
  await cache.get('b')
  // It goes on reading, and telling.
  await client.config('SET', 'min-replicas-to-write', '1')
  expect(await cache.delete('a')).toBe(false)
  expect(await cache.deleteMany(Array.from({ length: 10_001 }, (_, index) => `k${index}`))).toBe(false)
  expect(cache.stats().unconfirmed).toBe(1)
  expect(await cache.get('a')).toBeUndefined()
  expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined])
  expect(await cache.getOrSet('a', () => 'new')).toBe('new')
})
