import { type RedisServer, startRedis } from '@otel-cache/test-servers'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest'
import { openCache } from '../../../src/cache.js'
import type { Cache, CacheOptions } from '../../../src/index.js'
import { freshName } from '../../support/caches.js'
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
    quiet: () => quiet(client),
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
