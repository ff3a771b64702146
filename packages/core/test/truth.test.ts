import { createDenyListAttributesProcessor } from '@opentelemetry/sdk-metrics'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Cache, CacheOptions, Lifetime } from '../src/index.js'
import { describeTimedStores, type Opened } from './read-through/support/stores.js'
import { freshName, makeTimedCache } from './support/caches.js'
import { type Collected, DeltaSums, makeProvider } from './support/metrics.js'
import { connect, IOREDIS, ownRedis, type RedisClient } from './support/redis.js'
import { noUnhandledRejections } from './support/unhandled.js'
import { deferred, until } from './support/until.js'

noUnhandledRejections()

const [{ Client }] = IOREDIS
const ROUNDS = 250
const TTL = 10_000
/** Adds up to no lifetime and no window. */
const PASS = 0.37 * TTL
/** Next to nothing: it passes in this process and not in Redis. */
const LOAD_TIMEOUT = 1
const origin = new Error('origin')

/** The same numbers on each run of a seed. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return (state >>> 0) / 4_294_967_296
  }
}

/**
 * Keeps, outside the cache, what its callers saw: what each call returned, whether its loader ran and how that ended, and
 * how many bytes Redis has under the keys. It asks the cache nothing but `peek`, which counts nothing.
 */
class Recorder {
  readonly told: Record<string, number> = {}
  readonly #opened: Opened
  readonly #keysOf: (key: string) => string
  readonly #rules: Lifetime
  #values = 0
  /** When each value was stored. */
  readonly #born = new Map<unknown, number>()
  /** How the load of each key last failed: while its origin is left in peace, that is repeated. */
  readonly #failed = new Map<string, string>()

  constructor(opened: Opened, name: string, rules: Lifetime) {
    this.#opened = opened
    this.#rules = rules
    this.#keysOf = (key) => `${name}:v:{${key}}`
    this.#watchReads(opened.client)
  }

  count(what: string, times = 1): void {
    this.told[what] = (this.told[what] ?? 0) + times
  }

  next(): number {
    this.#values += 1
    return this.#values
  }

  /** What came from Redis and is a stored value, in bytes. */
  #watchReads(client: RedisClient | undefined): void {
    if (client === undefined) return
    const callBuffer = client.callBuffer.bind(client)
    client.callBuffer = (async (...args: Parameters<typeof callBuffer>) => {
      const reply = await callBuffer(...args)
      for (const part of [reply].flat(3)) {
        if (Buffer.isBuffer(part) && part.toString('latin1').startsWith('oc1 ')) this.count('bytes read', part.length)
      }
      return reply
    }) as typeof callBuffer
  }

  /** What Redis has under these keys, in bytes. */
  async bytes(keys: readonly string[]): Promise<number> {
    const { client } = this.#opened
    if (client === undefined) return 0
    const lengths = await Promise.all(keys.map((key) => client.strlen(this.#keysOf(key))))
    return lengths.reduce((sum, length) => sum + length, 0)
  }

  /** One key that a call without a loader asked for. */
  async get(keys: readonly string[]): Promise<void> {
    const { cache } = this.#opened
    const inMemory = keys.map((key) => cache.peek(key) !== undefined)
    const values = keys.length === 1 ? [await cache.get(keys[0] as string)] : await cache.getMany(keys)
    for (const [index, value] of values.entries()) {
      this.count(value === undefined ? 'misses' : `hits ${inMemory[index] ? 'memory' : 'redis'}`)
    }
  }

  /** A read-through whose loader ends as it is told. */
  async load(key: string, how: 'ok' | 'throwing' | 'hanging' | 'undefined'): Promise<void> {
    const { cache, clock, quiet } = this.#opened
    const wasInMemory = cache.peek(key) !== undefined
    const asked = clock.now()
    const mine = this.next()
    let ran = false
    const gate = deferred<void>()
    const outcome: { value?: unknown; error?: unknown; early?: boolean } = {}
    const call = cache
      .getOrSet<number | undefined>(
        key,
        async () => {
          ran = true
          await gate.promise
          if (how === 'throwing') throw origin
          return how === 'undefined' ? undefined : mine
        },
        { loadTimeout: LOAD_TIMEOUT },
      )
      .then(
        (value) => {
          outcome.value = value
          outcome.early ??= true
        },
        (error: unknown) => {
          outcome.error = error
        },
      )
    await quiet()
    outcome.early ??= false
    if (how === 'hanging') await clock.advance(LOAD_TIMEOUT)
    else gate.resolve()
    await call
    await quiet()
    gate.resolve()
    await quiet()
    const result = { ok: 'success', undefined: 'success', throwing: 'error', hanging: 'timeout' }[how]
    if (ran) this.count(`loads ${result}`)
    if (ran && how === 'ok') this.count('bytes written', await this.bytes([key]))
    if (ran && how === 'ok') this.#born.set(mine, clock.now())
    const age = asked - (this.#born.get(outcome.value) ?? Number.POSITIVE_INFINITY)
    const isStale = outcome.value !== undefined && outcome.value !== mine && age >= TTL
    if (isStale) {
      const isInWindow = age < TTL + (this.#rules.staleWhileRevalidate ?? 0)
      const foundOut = isInWindow ? 'revalidating' : result
      this.count(`stale ${ran ? foundOut : this.#failed.get(key)}`)
    }
    if (ran && result !== 'success') this.#failed.set(key, result as string)
    if (!ran) this.count(`hits ${wasInMemory ? 'memory' : 'redis'}`)
    else if (isStale) this.count('hits stale')
    else this.count('misses')
  }

  /** Many callers of one key that nobody has. */
  async stampede(key: string, callers: number): Promise<void> {
    const gate = deferred<number>()
    const calls = Array.from({ length: callers }, () => this.#opened.cache.getOrSet(key, () => gate.promise))
    await this.#opened.quiet()
    gate.resolve(this.next())
    await Promise.all(calls)
    this.count('misses', callers)
    this.count('coalesced', callers - 1)
    this.count('loads success')
    this.count('bytes written', await this.bytes([key]))
  }

  async set(key: string): Promise<void> {
    const value = this.next()
    expect(await this.#opened.cache.set(key, value)).toBe(true)
    this.#born.set(value, this.#opened.clock.now())
    this.count('bytes written', await this.bytes([key]))
  }
}

/** What a reader told, in the recorder's words. */
function toldBy(collected: Collected): Record<string, number> {
  const loads = 'redis_cache_load_duration_seconds'
  const sum = (name: string, attributes = {}): number => collected.sum(name, attributes) ?? 0
  const all: Record<string, number> = {
    misses: sum('redis_cache_misses_total'),
    hits: sum('redis_cache_hits_total'),
    coalesced: sum('redis_cache_coalesced_total', { scope: 'process' }),
    'bytes read': sum('redis_cache_bytes_total', { direction: 'read' }),
    'bytes written': sum('redis_cache_bytes_total', { direction: 'written' }),
  }
  for (const reason of ['revalidating', 'error', 'timeout', 'unavailable']) {
    all[`stale ${reason}`] = sum('redis_cache_stale_total', { reason })
  }
  for (const result of ['success', 'error', 'timeout']) all[`loads ${result}`] = collected.count(loads, { result })
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0))
}

function expected(recorder: Recorder): Record<string, number> {
  const { told } = recorder
  const hits = Object.entries(told).filter(([what]) => what.startsWith('hits '))
  const rest = Object.entries(told).filter(([what, count]) => !what.startsWith('hits ') && count > 0)
  const sum = hits.reduce((all, [, count]) => all + count, 0)
  return Object.fromEntries(sum > 0 ? [...rest, ['hits', sum]] : rest)
}

describeTimedStores('after a random workload every series equals what callers saw, to the unit', (store) => {
  test.each([
    ['no stale rules', {}],
    ['staleWhileRevalidate', { staleWhileRevalidate: 3 * TTL }],
    ['staleIfError', { staleIfError: 3 * TTL }],
    ['both', { staleWhileRevalidate: TTL, staleIfError: 3 * TTL }],
  ] as const)('%s', async (_, rules) => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const random = randomNumbers(seed)
    const { provider, cumulative, delta } = makeProvider()
    const name = freshName()
    const opened = await store.open({ name, meterProvider: provider, ttl: TTL, jitter: 0, ...rules })
    const recorder = new Recorder(opened, name, rules)
    const sums = new DeltaSums()
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
    const keys = ['a', 'b', 'c', 'd']
    for (let round = 0; round < ROUNDS; round++) {
      const kind = random()
      if (kind < 0.2) await recorder.get([pick(keys)])
      else if (kind < 0.3) await recorder.get(keys.filter(() => random() < 0.5))
      else if (kind < 0.75) await recorder.load(pick(keys), pick(['ok', 'ok', 'throwing', 'hanging', 'undefined']))
      else if (kind < 0.8) await recorder.stampede(`stampede ${round}`, 2 + Math.floor(random() * 20))
      else if (kind < 0.88) await recorder.set(pick(keys))
      else if (kind < 0.92) await opened.cache.delete(pick(keys))
      else if (kind < 0.97) await opened.pass(PASS)
      else for (const one of ['redis_cache_stale_total', 'redis_cache_bytes_total']) sums.add(await delta.read(), one)
    }
    const collected = await cumulative.read()
    expect(toldBy(collected), `seed ${seed}`).toEqual(expected(recorder))
    const stats = opened.cache.stats()
    const told = expected(recorder)
    expect(stats.hits.memory + stats.hits.redis).toBe(told['hits'] ?? 0)
    expect(stats.misses).toBe(told['misses'] ?? 0)
    expect(stats.coalesced).toBe(told['coalesced'] ?? 0)
  })
})

describe('evictions', () => {
  async function evicted(
    act: (cache: Cache, opened: ReturnType<typeof makeTimedCache>) => Promise<void>,
    options = {},
  ) {
    const { provider, cumulative } = makeProvider()
    const opened = makeTimedCache({ meterProvider: provider, ...options })
    await act(opened.cache, opened)
    const collected = await cumulative.read()
    expect(opened.cache.stats().evictions).toBe(collected.sum('redis_cache_evictions_total'))
    expect(collected.sum('redis_cache_memory_entries')).toBe(opened.cache.stats().entries)
    expect(collected.sum('redis_cache_memory_bytes')).toBe(opened.cache.stats().bytes)
    return collected.counts('redis_cache_evictions_total', 'reason')
  }

  test('by size, by lifetime, and by deletes and clears', async () => {
    const limits = { memory: { maxEntries: 10 } }
    const fill = async (cache: Cache): Promise<void> => {
      for (let key = 0; key < 15; key++) await cache.set(`${key}`, key, { ttl: 1_000 })
    }
    expect(await evicted(fill, limits)).toEqual({ size: 5, expired: 0, invalidated: 0 })
    const expire = async (cache: Cache, { clock }: ReturnType<typeof makeTimedCache>): Promise<void> => {
      await fill(cache)
      await clock.advance(1_000)
      for (let key = 0; key < 15; key++) await cache.get(`${key}`)
    }
    expect(await evicted(expire, limits)).toEqual({ size: 5, expired: 10, invalidated: 0 })
    const remove = async (cache: Cache): Promise<void> => {
      await fill(cache)
      await cache.deleteMany(['12', '13', 'never there'])
      await cache.set('14', 'replaced')
      await cache.clear()
    }
    expect(await evicted(remove, limits)).toEqual({ size: 5, expired: 0, invalidated: 10 })
  })
})

test('through a Redis that hangs, is skipped and comes back, every series equals what callers saw', async () => {
  const server = await ownRedis()
  const client: RedisClient = await connect(Client, server)
  const { provider, cumulative } = makeProvider()
  const { cache, clock } = makeTimedCache({ redis: client, meterProvider: provider, memory: false, ttl: TTL })
  const seen: Record<string, number> = {}
  const count = (what: string): void => {
    seen[what] = (seen[what] ?? 0) + 1
  }
  await cache.set('k', 'value')
  for (let outage = 0; outage < 3; outage++) {
    for (let call = 0; call < 5; call++) {
      expect(await cache.get('k')).toBe('value')
      count('hits')
    }
    await server.kill('SIGSTOP')
    for (let call = 0; call < 10; call++) {
      const found = call % 2 === 0 ? cache.get('k') : cache.getOrSet('k', () => 'loaded')
      await clock.advance(100)
      expect(await found).toBe(call % 2 === 0 ? undefined : 'loaded')
      count('timeouts')
      count('unavailable')
    }
    for (let call = 0; call < 7; call++) {
      expect(await cache.get('k')).toBeUndefined()
      count('skipped')
      count('unavailable')
    }
    await server.kill('SIGCONT')
    await until(() => cache.stats().circuit === 'closed')
  }
  const collected = await cumulative.read()
  expect(seen).toEqual({
    hits: collected.sum('redis_cache_hits_total', { tier: 'redis' }),
    timeouts: collected.sum('redis_cache_errors_total', { operation: 'get', error_type: 'timeout' }),
    unavailable: collected.sum('redis_cache_misses_total', { reason: 'unavailable' }),
    skipped: collected.sum('redis_cache_skipped_total', { operation: 'get' }),
  })
  expect(collected.sum('redis_cache_errors_total')).toBe(seen['timeouts'])
  expect(collected.sum('redis_cache_circuit_state')).toBe(0)
})

test('of several caches of one name gauges tell what all have', async () => {
  const { provider, cumulative } = makeProvider()
  const name = freshName()
  const one = makeTimedCache({ name, meterProvider: provider }).cache
  const other = makeTimedCache({ name, meterProvider: provider }).cache
  makeTimedCache({ meterProvider: provider })
  for (const key of ['a', 'b', 'c']) await one.set(key, 1)
  await other.set('a', 1)
  const entries = async (): Promise<unknown> =>
    (await cumulative.read())
      .points('redis_cache_memory_entries')
      .find(({ attributes }) => attributes['cache'] === name)?.value
  expect(await entries()).toBe(4)
  await other.close()
  expect(await entries()).toBe(3)
})

describe('the words of the contract', () => {
  test('what is past its lifetime is a miss of that reason, however it is asked for', async () => {
    const { provider, cumulative } = makeProvider()
    const { cache, clock } = makeTimedCache({ meterProvider: provider, ttl: TTL })
    for (const key of ['a', 'b', 'c', 'd']) await cache.set(key, 1)
    await clock.advance(TTL)
    await cache.get('a')
    await cache.getMany(['b'])
    await cache.getOrSet('c', () => 2)
    await cache.getOrSetMany(['d'], () => [2])
    const collected = await cumulative.read()
    expect(collected.counts('redis_cache_misses_total', 'reason')).toMatchObject({ absent: 0, expired: 4 })
  })

  test('who comes when the failed lookup is over has not failed, whatever the options', async () => {
    const server = await ownRedis()
    const { cache, clock } = makeTimedCache({ redis: await connect(Client, server), memory: false })
    await cache.set('k', 1)
    await server.kill('SIGSTOP')
    const gate = deferred<number>()
    const leader = cache.getOrSet('k', () => gate.promise)
    await clock.advance(100)
    await until(() => cache.stats().loads === 1)
    const late = [
      cache.getOrSet('k', () => 2),
      cache.getOrSet('k', () => 2, { ttl: 5 }),
      cache.getOrSetMany(['k'], () => [2]),
    ]
    gate.resolve(1)
    expect(await Promise.all([leader, ...late])).toEqual([1, 1, 1, [1]])
    expect(cache.stats()).toMatchObject({ errors: 1, misses: 4, coalesced: 3 })
    await server.kill('SIGCONT')
  })

  test('who has given up was not served stale', async () => {
    const { cache, clock } = makeTimedCache({ ttl: TTL, staleIfError: TTL })
    await cache.set('k', 1)
    await clock.advance(TTL)
    const controller = new AbortController()
    const { signal } = controller
    const call = cache.getOrSet('k', () => new Promise(() => {}), { signal })
    await until(() => cache.stats().loads === 1)
    controller.abort()
    await expect(call).rejects.toBe(signal.reason)
    await until(() => cache.stats().misses === 1)
    expect(cache.stats()).toMatchObject({ stale: 0, hits: { memory: 0 } })
  })

  test('what expire takes out of memory is an eviction', async () => {
    const server = await ownRedis()
    const { provider, cumulative } = makeProvider()
    const { cache } = makeTimedCache({ redis: await connect(Client, server), meterProvider: provider })
    await cache.set('k', 1)
    await cache.expire('k')
    expect((await cumulative.read()).counts('redis_cache_evictions_total', 'reason')).toMatchObject({ invalidated: 1 })
  })
})

test('a View that drops an attribute leaves the sums right, in every family', async () => {
  const views = ['redis_cache_stale_total', 'redis_cache_evictions_total', 'redis_cache_errors_total'].map(
    (instrumentName) => ({
      instrumentName,
      attributesProcessors: [createDenyListAttributesProcessor(['reason', 'operation', 'error_type'])],
    }),
  )
  const { provider, cumulative } = makeProvider({ views })
  const { cache, clock } = makeTimedCache({
    meterProvider: provider,
    ttl: 1_000,
    staleIfError: TTL,
    memory: { maxEntries: 2 },
  })
  for (const key of ['a', 'b', 'c', 'd']) await cache.set(key, key)
  await cache.delete('d')
  await clock.advance(1_000)
  await cache.getOrSet('c', () => Promise.reject(origin))
  const collected = await cumulative.read()
  expect(collected.points('redis_cache_evictions_total').map(({ value }) => value)).toEqual([3])
  expect(collected.points('redis_cache_stale_total').map(({ value }) => value)).toEqual([1])
})

test('at most 40 series of counters and gauges, whatever happens in a day', async () => {
  const { provider, cumulative } = makeProvider()
  const server = await ownRedis()
  const options: Partial<CacheOptions> = { redis: await connect(Client, server), meterProvider: provider }
  const { cache } = makeTimedCache(options)
  onTestFinished(() => provider.shutdown())
  await cache.getOrSet('k', () => 1)
  const collected = await cumulative.read()
  const counters = collected.metrics.filter(({ descriptor }) => descriptor.name.endsWith('_total'))
  const series = counters.reduce((sum, { dataPoints }) => sum + dataPoints.length, 0)
  expect(series).toBeLessThanOrEqual(40)
  expect(series).toBeGreaterThan(20)
})
