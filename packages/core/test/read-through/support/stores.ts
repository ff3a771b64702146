import { type RedisServer, startRedis } from '@otel-cache/test-servers'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest'
import { openCache } from '../../../src/cache.js'
import type { Cache, CacheOptions } from '../../../src/index.js'
import { freshName, withoutChannel } from '../../support/caches.js'
import { type FakeEnvironment, fakeEnvironment } from '../../support/environment.js'
import { turn } from '../../support/fake-clock.js'
import { makeClient, type RedisClient } from '../../support/redis.js'

/** A cache on time that stands still until the test advances it, over one of the stores. */
export interface Opened {
  readonly cache: Cache
  readonly clock: FakeEnvironment['clock']
  readonly client: RedisClient | undefined
  /** Another process over the same Redis; without Redis, nothing. */
  another(): Cache | undefined
  /** Lets more than a second pass, for this process and for what is stored in Redis. */
  pass(ms: number): Promise<void>
  /** Until nothing goes on any more but what waits for the test. */
  quiet(): Promise<void>
}

export interface TimedStore {
  readonly isRedis: boolean
  readonly hasMemory: boolean
  open(options?: Partial<CacheOptions>, environment?: FakeEnvironment): Promise<Opened>
}

/** No deadline of Redis falls due while a test advances its time. */
export const NEVER = 1e12

/** One connection for all caches of a file: each has a key prefix of its own. */
async function connected(server: RedisServer): Promise<RedisClient> {
  const client = new Redis({ port: server.port, host: '127.0.0.1', lazyConnect: true })
  await client.connect()
  return client
}

const STORES = [
  { store: 'memory alone', redis: false, memory: true },
  { store: 'Redis alone', redis: true, memory: false },
  { store: 'memory over Redis', redis: true, memory: true },
]

/** Runs the tests over every store, on one Redis and on injected time. */
export function describeTimedStores(title: string, tests: (store: TimedStore) => void): void {
  describe(title, () => {
    let server: RedisServer
    let client: RedisClient
    beforeAll(async () => {
      server = await startRedis()
      client = await connected(server)
    })
    afterAll(async () => {
      client?.disconnect()
      await server?.stop()
    })

    describe.each(STORES)('$store', ({ redis, memory }) => {
      tests({
        isRedis: redis,
        hasMemory: memory,
        open: (options, environment) => open(redis ? client : undefined, memory, options, environment),
      })
    })
  })
}

/** One Redis, with a client, for what only Redis does. */
export function useTimedRedis(): {
  readonly client: RedisClient
  /** A connection of the test's own. */
  newClient(): Promise<RedisClient>
  open(options?: Partial<CacheOptions>, environment?: FakeEnvironment): Promise<Opened>
} {
  let server: RedisServer
  let shared: RedisClient
  beforeAll(async () => {
    server = await startRedis()
    shared = await connected(server)
  })
  afterAll(async () => {
    shared?.disconnect()
    await server?.stop()
  })
  return {
    get client() {
      return shared
    },
    async newClient() {
      const client = makeClient(Redis, server, { lazyConnect: true })
      await client.connect()
      return client
    },
    open: (options, environment) => open(shared, options?.memory !== false, options, environment),
  }
}

async function open(
  client: RedisClient | undefined,
  memory: boolean,
  options: Partial<CacheOptions> = {},
  environment: FakeEnvironment = fakeEnvironment(),
): Promise<Opened> {
  const resolved: CacheOptions = {
    name: freshName(),
    jitter: 0,
    redisTimeout: NEVER,
    ...(client && { redis: client }),
    ...(!memory && { memory: false }),
    ...options,
  }
  const opened: Cache[] = []
  const make = (): Cache => {
    if (resolved.redis !== undefined) withoutChannel(resolved.redis)
    const cache = openCache(resolved, environment)
    opened.push(cache)
    return cache
  }
  onTestFinished(async () => {
    await Promise.all(opened.map((one) => one.close()))
  })
  return {
    cache: make(),
    clock: environment.clock,
    client,
    another: () => (client === undefined ? undefined : make()),
    async pass(ms) {
      if (client !== undefined) await age(client, resolved.keyPrefix ?? `${resolved.name}:`, ms)
      await environment.clock.advance(ms)
    },
    quiet: () => quiet(client),
  }
}

/** How often a cache asks Redis for its time. Until it has asked, what was made older would be older twice over. */
const SAMPLE_AGE = 1_000

/** Makes what is stored older by this much: Redis's own time is not the test's to advance. */
async function age(client: RedisClient, prefix: string, ms: number): Promise<void> {
  if (ms <= SAMPLE_AGE) throw new Error(`Redis cannot tell less than ${SAMPLE_AGE} ms of the test's time`)
  for (const key of await client.keys(`${prefix}*`)) {
    const [stored, left] = await Promise.all([client.getBuffer(key), client.pttl(key)])
    const [head, at] = /^oc\d+ \S+ (\d{13}) /.exec(stored?.toString('latin1') ?? '') ?? []
    if (stored === null || head === undefined) continue
    stored.write(String(Number(at) - ms), head.length - 14, 'latin1')
    if (left < 0) await client.set(key, stored)
    else if (left > ms) await client.set(key, stored, 'PX', left - ms)
    else await client.del(key)
  }
}

/** The longest chain of trips to Redis that one call makes, with some to spare. */
const TRIPS = 8

/** Everything that goes on by itself has ended: each trip to Redis that was under way, and what it set off. */
export async function quiet(client: RedisClient | undefined): Promise<void> {
  for (let trip = 0; trip < TRIPS; trip++) {
    if (client !== undefined) await client.ping()
    await turn()
  }
}
