import { type RedisServer, startRedis } from '@otel-cache/test-servers'
import { afterAll, beforeAll, describe } from 'vitest'
import type { Cache, CacheOptions } from '../../src/index.js'
import { freshName, makeCache } from './caches.js'
import { connect, IOREDIS } from './redis.js'

/** Where a cache keeps its values. Promises about values and keys hold in each, so their tests run over each. */
export interface Store {
  /** A cache of its own, unless options name one that exists. */
  make(options?: Partial<CacheOptions>): Promise<Cache>
}

const [ioredis6, ioredis5] = IOREDIS

const STORES = [
  { store: 'memory alone', Client: undefined, memory: undefined },
  { store: 'Redis alone, ioredis 6', Client: ioredis6.Client, memory: false },
  { store: 'Redis alone, ioredis 5', Client: ioredis5.Client, memory: false },
  { store: 'memory over Redis, ioredis 6', Client: ioredis6.Client, memory: undefined },
] as const

/** Runs the tests over every store; on one Redis. */
export function describeStores(title: string, tests: (store: Store) => void): void {
  describe(title, () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server?.stop())

    describe.each(STORES)('$store', ({ Client, memory }) => {
      tests({
        async make(options = {}) {
          const redis = Client && (await connect(Client, server))
          return makeCache({
            name: freshName(),
            // No test over all stores is about time: a noisy machine is not to answer for Redis.
            redisTimeout: 10_000,
            ...(redis && { redis }),
            ...(memory === false && { memory }),
            ...options,
          })
        },
      })
    })
  })
}
