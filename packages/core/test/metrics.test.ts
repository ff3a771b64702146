import { type MeterProvider as ApiMeterProvider, metrics } from '@opentelemetry/api'
import { createDenyListAttributesProcessor, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Cache, type CacheOptions, createCache } from '../src/index.js'
import { freshName, makeCache, makeTimedCache } from './support/caches.js'
import { turn } from './support/fake-clock.js'
import { type Collected, DeltaSums, makeProvider, TestReader } from './support/metrics.js'
import { connect, IOREDIS, makeClient, ownRedis, useRedis } from './support/redis.js'
import { noUnhandledRejections } from './support/unhandled.js'
import { deferred, until } from './support/until.js'

noUnhandledRejections()

const [{ Client }] = IOREDIS

const HITS = 'redis_cache_hits_total'
const MISSES = 'redis_cache_misses_total'
const ERRORS = 'redis_cache_errors_total'
const LATENCY_MS = 'redis_cache_latency_ms'
const DURATION_S = 'redis_cache_operation_duration_seconds'
const FAMILIES = [HITS, MISSES, ERRORS, LATENCY_MS, DURATION_S]
const COUNTERS = [HITS, MISSES, ERRORS]

const redis = useRedis()

/** A cache in front of a provider of its own. */
async function observed(options: Partial<CacheOptions> & { withRedis?: boolean } = {}) {
  const { withRedis = false, ...rest } = options
  const { provider, cumulative, delta } = makeProvider()
  const client = withRedis ? await connect(Client, redis.server) : undefined
  const cache = makeCache({
    meterProvider: provider,
    ...(client && { redis: client, redisTimeout: 10_000 }),
    ...rest,
  })
  return { cache, provider, cumulative, delta, client }
}

/** What the three counters and the two histograms have told. */
function told(collected: Collected) {
  const observations = collected.points(DURATION_S).map(({ attributes, value }) => {
    const { operation } = attributes
    return [operation, typeof value === 'number' ? value : value.count] as const
  })
  return {
    hits: collected.counts(HITS, 'tier'),
    misses: collected.counts(MISSES, 'reason'),
    errors: Object.fromEntries(
      Object.entries(collected.counts(ERRORS, 'operation', 'error_type')).filter(([, count]) => count > 0),
    ),
    observations: Object.fromEntries(observations),
  }
}

describe('the five families', () => {
  test('have the names, kinds, units and attributes of the contract, and a help text', async () => {
    const { cache, cumulative } = await observed({ withRedis: true })
    await cache.getOrSet('a', () => 1)
    await cache.get('a')
    const collected = await cumulative.read()
    const shape = (name: string) => {
      const { descriptor, dataPointType } = collected.metric(name) as MetricData
      const keys = new Set(collected.points(name).flatMap(({ attributes }) => Object.keys(attributes)))
      return { unit: descriptor.unit, type: dataPointType, keys: [...keys].sort() }
    }
    expect(shape(HITS)).toEqual({ unit: '{hit}', type: DataPointType.SUM, keys: ['cache', 'tier'] })
    expect(shape(MISSES)).toEqual({ unit: '{miss}', type: DataPointType.SUM, keys: ['cache', 'reason'] })
    expect(shape(ERRORS)).toEqual({
      unit: '{error}',
      type: DataPointType.SUM,
      keys: ['cache', 'error_type', 'operation'],
    })
    expect(shape(LATENCY_MS)).toEqual({ unit: '', type: DataPointType.HISTOGRAM, keys: ['cache', 'operation'] })
    expect(shape(DURATION_S)).toEqual({ unit: 's', type: DataPointType.HISTOGRAM, keys: ['cache', 'operation'] })
    for (const name of COUNTERS) expect(collected.metric(name)).toMatchObject({ isMonotonic: true })
    for (const name of FAMILIES) expect(collected.metric(name)?.descriptor.description).toMatch(/\w+/)
    for (const name of [LATENCY_MS, DURATION_S]) {
      expect(collected.metric(name)?.descriptor.description).toMatch(/memory hits are not timed/i)
    }
    for (const { attributes } of collected.all) expect(attributes).toMatchObject({ cache: cache.name })
  })

  test('have bounds that a cache needs, the same in both units', async () => {
    const { cache, cumulative } = await observed()
    await cache.get('a')
    const collected = await cumulative.read()
    const bounds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000]
    expect(collected.histogram(LATENCY_MS)?.buckets.boundaries).toEqual(bounds)
    // As literals: divided ones would end in ...0001.
    expect(collected.histogram(DURATION_S)?.buckets.boundaries).toEqual([
      0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
    ])
  })

  test('come from one meter of the package, without a schema URL', async () => {
    const { cache, cumulative } = await observed()
    await cache.get('a')
    const { resourceMetrics } = await cumulative.read()
    expect(resourceMetrics.scopeMetrics).toHaveLength(1)
    const { scope } = resourceMetrics.scopeMetrics[0] as (typeof resourceMetrics.scopeMetrics)[number]
    expect(scope.name).toBe('@otel-cache/core')
    expect(scope.version).toMatch(/^\d+\.\d+\.\d+/)
    expect(scope.schemaUrl ?? '').toBe('')
  })

  test('carry static attributes on every series', async () => {
    const { cache, cumulative } = await observed({ withRedis: true, attributes: { region: 'eu', zone: '' } })
    await cache.getOrSet('a', () => 1)
    const collected = await cumulative.read()
    expect(collected.all.length).toBeGreaterThan(10)
    for (const { attributes } of collected.all) {
      expect(attributes).toMatchObject({ cache: cache.name, region: 'eu', zone: '' })
    }
  })

  test('tell no key and no value in any attribute', async () => {
    const { cache, cumulative, client } = await observed({ withRedis: true })
    const secret = 'TOP-SECRET'
    await cache.set(secret, secret)
    await cache.namespace(`${secret}-view`).getOrSet(secret, () => secret)
    await cache.getMany([secret, `${secret}-unknown`])
    await cache.getOrSet(`${secret}-fails`, () => Promise.reject(new Error(secret))).catch(() => {})
    await cache.set(secret, 1n).catch(() => {})
    await cache.get('').catch(() => {})
    await client?.quit()
    await cache.delete(secret)
    const { resourceMetrics } = await cumulative.read()
    expect(JSON.stringify(resourceMetrics.scopeMetrics)).not.toContain(secret)
  })

  test.each([
    ['both', [LATENCY_MS, DURATION_S]],
    ['ms', [LATENCY_MS]],
    ['seconds', [DURATION_S]],
  ] as const)("keep, with histograms: '%s', the histograms asked for", async (histograms, expected) => {
    const { cache, cumulative } = await observed({ histograms })
    await cache.getOrSet('a', () => 1)
    const names = (await cumulative.read()).metrics.map(({ descriptor }) => descriptor.name)
    expect(names.filter((name) => name === LATENCY_MS || name === DURATION_S).sort()).toEqual([...expected].sort())
    expect(names).toEqual(expect.arrayContaining(COUNTERS))
  })
})

describe('at the start', () => {
  test.each([
    ['memory alone', false, undefined, ['memory'], ['absent', 'expired']],
    ['Redis alone', true, false, ['redis'], ['absent', 'expired', 'unavailable', 'undecodable']],
    ['memory over Redis', true, undefined, ['memory', 'redis'], ['absent', 'expired', 'unavailable', 'undecodable']],
  ] as const)(
    'counters are 0 for the tiers in use and the common errors: %s',
    async (_, withRedis, memory, tiers, reasons) => {
      const { cumulative, delta } = await observed({ withRedis, ...(memory === false && { memory }) })
      for (const reader of [cumulative, delta]) {
        const collected = await reader.read()
        expect(Object.keys(collected.counts(HITS, 'tier')).sort()).toEqual([...tiers].sort())
        expect(Object.keys(collected.counts(MISSES, 'reason'))).toEqual(expect.arrayContaining([...reasons]))
        const errors = collected.counts(ERRORS, 'operation', 'error_type')
        expect(Object.keys(errors).length).toBeGreaterThan(0)
        if (withRedis) {
          expect(errors).toMatchObject({ 'get timeout': 0, 'get connection': 0, 'set timeout': 0, 'set connection': 0 })
        }
        for (const name of COUNTERS) for (const { value } of collected.points(name)) expect(value).toBe(0)
        expect(collected.all.length).toBeLessThanOrEqual(40)
      }
    },
  )
})

describe('counts', () => {
  test('memory hits are counted and not timed, all else is timed once', async () => {
    const { cache, cumulative } = await observed()
    await cache.get('a')
    await cache.getOrSet('a', () => 1)
    for (let call = 0; call < 3; call++) await cache.get('a')
    for (let call = 0; call < 3; call++) await cache.getOrSet('a', () => 1)
    await cache.getMany(['a', 'a'])
    await cache.getMany(['a', 'b', 'c'])
    await cache.delete('a')
    await cache.deleteMany(['a', 'b'])
    await cache.clear()
    await cache.setMany([
      ['x', 1],
      ['y', 2],
    ])
    expect(told(await cumulative.read())).toEqual({
      hits: { memory: 3 + 3 + 2 + 1 },
      misses: { absent: 1 + 1 + 2, expired: 0 },
      errors: {},
      observations: { get: 1 + 1 + 1, set: 1 + 1, delete: 2, clear: 1 },
    })
  })

  test('has and peek count nothing and are not timed', async () => {
    for (const withRedis of [false, true]) {
      const { cache, cumulative } = await observed({ withRedis })
      await cache.has('a')
      cache.peek('a')
      await cache.set('a', 1)
      await cache.has('a')
      cache.peek('a')
      const { hits, misses, observations } = told(await cumulative.read())
      expect(
        Object.values(hits)
          .concat(Object.values(misses))
          .every((count) => count === 0),
      ).toBe(true)
      expect(observations).toEqual({ set: 1 })
    }
  })

  test('with timeMemoryHits a memory hit is one observation, and a getMany is one as well', async () => {
    const { cache, cumulative } = await observed({ timeMemoryHits: true })
    await cache.set('a', 1)
    await cache.set('b', 1)
    await cache.get('a')
    await cache.getOrSet('a', () => 1)
    expect((await cumulative.read()).count(DURATION_S, { operation: 'get' })).toBe(2)
    await cache.getMany(['a', 'b', 'a'])
    expect((await cumulative.read()).count(DURATION_S, { operation: 'get' })).toBe(3)
    await cache.getMany(['a', 'b', 'unknown'])
    expect((await cumulative.read()).count(DURATION_S, { operation: 'get' })).toBe(4)
    expect(told(await cumulative.read())).toMatchObject({ hits: { memory: 7 }, misses: { absent: 1 } })
  })

  test('each of 100 callers who share a load is a miss and an observation of its own; the load stores once', async () => {
    for (const withRedis of [false, true]) {
      const { cache, cumulative } = await observed({ withRedis })
      const load = deferred<number>()
      const calls = Array.from({ length: 100 }, () => cache.getOrSet('a', () => load.promise))
      await turn()
      load.resolve(1)
      await Promise.all(calls)
      expect(told(await cumulative.read())).toMatchObject({
        misses: { absent: 100 },
        errors: {},
        observations: { get: 100, set: 1 },
      })
    }
  })

  test('each of 100 callers who share what Redis had is a hit and an observation of its own', async () => {
    const { cache, cumulative } = await observed({ withRedis: true, memory: false })
    await cache.set('a', 1)
    await Promise.all(Array.from({ length: 100 }, () => cache.getOrSet('a', () => 2)))
    await Promise.all(Array.from({ length: 100 }, () => cache.get('a')))
    expect(told(await cumulative.read())).toMatchObject({ hits: { redis: 200 }, observations: { get: 200, set: 1 } })
  })

  test('a failing loader is a miss and no error, and nothing was set', async () => {
    const { cache, cumulative } = await observed()
    await cache.getOrSet('a', () => Promise.reject(new Error('origin'))).catch(() => {})
    await cache.getOrSet('a', () => undefined)
    expect(told(await cumulative.read())).toEqual({
      hits: { memory: 0 },
      misses: { absent: 2, expired: 0 },
      errors: {},
      observations: { get: 2 },
    })
  })

  test('a caller who gave up is counted nevertheless', async () => {
    const { cache, cumulative } = await observed({ withRedis: true })
    const controller = new AbortController()
    const call = cache.getOrSet('a', () => 1, { signal: controller.signal })
    controller.abort()
    await expect(call).rejects.toBe(controller.signal.reason)
    await until(async () => (await cumulative.read()).sum(MISSES) === 1)
    expect((await cumulative.read()).count(DURATION_S, { operation: 'get' })).toBe(1)
  })

  test('refused input counts nothing', async () => {
    const { cache, cumulative } = await observed()
    await cache.get('').catch(() => {})
    await cache.set('a', undefined).catch(() => {})
    await cache.set('a', 1n).catch(() => {})
    await cache.set('a', 1, { ttl: -1 }).catch(() => {})
    await cache.getMany(['']).catch(() => {})
    const { hits, misses, errors, observations } = told(await cumulative.read())
    expect([hits, misses, errors, observations]).toEqual([{ memory: 0 }, { absent: 0, expired: 0 }, {}, {}])
  })

  test('every reason for a miss, and the errors with them', async () => {
    const {
      cache: timed,
      clock,
      reader,
    } = (() => {
      const { provider, cumulative } = makeProvider()
      return { ...makeTimedCache({ meterProvider: provider, ttl: 10 }), reader: cumulative }
    })()
    await timed.get('a')
    await timed.set('a', 1)
    await clock.advance(10)
    await timed.get('a')
    expect(told(await reader.read())).toMatchObject({ misses: { absent: 1, expired: 1 }, errors: {} })

    const { cache, cumulative, client } = await observed({ withRedis: true })
    await client?.set(`${cache.name}:v:{garbage}`, 'garbage')
    await cache.get('garbage')
    await cache.getMany(['garbage', 'unknown'])
    expect(told(await cumulative.read())).toMatchObject({
      misses: { undecodable: 2, absent: 1, unavailable: 0 },
      errors: { 'get undecodable': 2 },
    })
    await client?.quit()
    await cache.get('a')
    await cache.getMany(['a', 'b', 'c'])
    expect(told(await cumulative.read())).toMatchObject({
      misses: { undecodable: 2, absent: 1, unavailable: 4 },
      errors: { 'get undecodable': 2, 'get connection': 2 },
    })
  })

  test('each operation that fails is one error of its operation and type, and one observation', async () => {
    const client = await connect(Client, redis.server)
    const { cache, cumulative } = await observed({ redis: client, redisTimeout: 10_000 })
    await client.quit()
    await cache.get('a')
    await cache.set('a', 1)
    await cache.setMany([
      ['a', 1],
      ['b', 2],
    ])
    await cache.delete('a')
    await cache.deleteMany(['a', 'b', 'c'])
    await cache.clear()
    expect(told(await cumulative.read())).toMatchObject({
      misses: { unavailable: 1 },
      errors: { 'get connection': 1, 'set connection': 2, 'delete connection': 2, 'clear connection': 1 },
      observations: { get: 1, set: 2, delete: 2, clear: 1 },
    })
  })

  test.each([
    [
      'timeout',
      async () => {
        const server = await ownRedis()
        const client = await connect(Client, server)
        await server.kill('SIGSTOP')
        return client
      },
    ],
    ['connection', async () => makeClient(Client, { port: 1 })],
    [
      'readonly',
      async () => {
        const server = await ownRedis()
        const client = await connect(Client, server)
        await client.replicaof('127.0.0.1', 1)
        return client
      },
    ],
    [
      'oom',
      async () => {
        const server = await ownRedis()
        const client = await connect(Client, server)
        await client.config('SET', 'maxmemory', '1')
        return client
      },
    ],
    [
      'auth',
      async () => {
        const server = await ownRedis()
        const client = await connect(Client, server)
        await client.call('ACL', 'SETUSER', 'default', 'resetkeys')
        return client
      },
    ],
    [
      'cluster',
      async () => {
        const server = await ownRedis('--cluster-enabled', 'yes')
        return connect(Client, server)
      },
    ],
    [
      'other',
      async () => {
        const server = await ownRedis('--rename-command', 'EVALSHA', '', '--rename-command', 'EVAL', '')
        return connect(Client, server)
      },
    ],
  ] as const)('a real failure is counted under its error_type: %s', async (type, broken) => {
    const { cache, cumulative } = await observed({ redis: await broken(), redisTimeout: 300 })
    expect(await cache.set('a', 1)).toBe(false)
    expect(told(await cumulative.read())).toMatchObject({ errors: { [`set ${type}`]: 1 } })
    expect(await cache.getOrSet('b', () => 'loaded')).toBe('loaded')
    const collected = await cumulative.read()
    const errors = Object.keys(told(collected).errors)
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) expect(error).toMatch(new RegExp(` ${type}$`))
    expect(collected.all.length).toBeLessThanOrEqual(60)
  })

  test('stats tell the same', async () => {
    const { cache, cumulative } = await observed({ withRedis: true })
    await cache.getOrSet('a', () => 1)
    await cache.get('a')
    await cache.getMany(['a', 'b'])
    const collected = await cumulative.read()
    const { hits, misses, errors } = cache.stats()
    expect(collected.counts(HITS, 'tier')).toEqual(hits)
    expect(collected.sum(MISSES)).toBe(misses)
    expect(collected.sum(ERRORS)).toBe(errors)
  })
})

describe('durations', () => {
  test('are those of the waits, in both units, without the loader', async () => {
    const server = await ownRedis()
    const { provider, cumulative } = makeProvider()
    const client = await connect(Client, server)
    const { cache, clock } = makeTimedCache({ redis: client, meterProvider: provider })
    await cache.set('warm', 1)
    await server.kill('SIGSTOP')
    const timedOut = [cache.get('a'), cache.set('a', 1)]
    await clock.advance(100)
    await Promise.all(timedOut)
    await server.kill('SIGCONT')
    await client.ping()
    const load = cache.getOrSet('b', () => new Promise((resolve) => clock.after(7_000, () => resolve(1))))
    await until(() => cache.stats().loads === 1)
    await clock.advance(7_000)
    await load
    const collected = await cumulative.read()
    expect(collected.histogram(LATENCY_MS, { operation: 'get' })).toMatchObject({ sum: 100, count: 2, max: 100 })
    expect(collected.histogram(DURATION_S, { operation: 'get' })?.sum).toBeCloseTo(0.1, 9)
    expect(collected.histogram(LATENCY_MS, { operation: 'set' })).toMatchObject({ sum: 100, count: 3 })
  })

  test('are one measurement in two units: the same counts, sums a thousand apart', async () => {
    const { cache, cumulative } = await observed({ withRedis: true })
    for (let index = 0; index < 200; index++) await cache.getOrSet(`key-${index % 50}`, () => index)
    await cache.delete('key-1')
    await cache.clear()
    const collected = await cumulative.read()
    for (const operation of ['get', 'set', 'delete', 'clear']) {
      const ms = collected.histogram(LATENCY_MS, { operation })
      const s = collected.histogram(DURATION_S, { operation })
      expect(ms?.count).toBeGreaterThan(0)
      expect(s?.count).toBe(ms?.count)
      expect((s?.sum ?? 0) * 1_000).toBeCloseTo(ms?.sum ?? -1, 6)
      expect(s?.min).toBeGreaterThanOrEqual(0)
      // On a bound itself the two floating-point numbers may fall on either side.
      const shifted = (s?.buckets.counts ?? []).map((count, index) =>
        Math.abs(count - (ms?.buckets.counts[index] ?? 0)),
      )
      expect(shifted.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(2)
    }
  })
})

/** The same numbers on each run of a seed. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Keeps, outside the cache, what its callers saw. */
class Recorder {
  readonly hits: Record<string, number> = {}
  misses = 0
  loads = 0
  readonly observations = { get: 0, set: 0, delete: 0, clear: 0 }
  readonly #cache: Cache
  /** Loads by the number in their value, with whether the call that ran the loader has ended. */
  readonly #landed = new Map<number, boolean>()

  constructor(cache: Cache) {
    this.#cache = cache
  }

  async get(key: string): Promise<void> {
    const inMemory = this.#inMemory([key])
    this.#saw(inMemory[0], (await this.#cache.get(key)) !== undefined)
  }

  async getMany(keys: readonly string[]): Promise<void> {
    const inMemory = this.#inMemory(keys)
    const values = await this.#cache.getMany(keys)
    for (const [index, value] of values.entries()) this.#saw(inMemory[index], value !== undefined)
  }

  async getOrSet(key: string, pause: () => Promise<unknown>): Promise<void> {
    const inMemory = this.#inMemory([key])
    const landed = new Map(this.#landed)
    let mine: number | undefined
    const value = await this.#cache.getOrSet(key, async () => {
      this.loads += 1
      mine = this.loads
      this.#landed.set(mine, false)
      await pause()
      return { load: mine }
    })
    if (mine !== undefined) {
      this.#landed.set(mine, true)
      // After a load its set.
      this.observations.set += 1
    }
    // Whose load had not ended when this call began waited for it.
    this.#saw(
      inMemory[0],
      (value as { load?: number }).load === undefined || landed.get((value as { load: number }).load) === true,
    )
  }

  async change(operation: 'set' | 'delete' | 'clear', action: (cache: Cache) => Promise<unknown>): Promise<void> {
    this.observations[operation] += 1
    expect(await action(this.#cache)).toBe(true)
  }

  #inMemory(keys: readonly string[]): boolean[] {
    const present = keys.map((key) => this.#cache.peek(key) !== undefined)
    if (present.includes(false)) this.observations.get += 1
    return present
  }

  #saw(inMemory: boolean | undefined, hit: boolean): void {
    if (!hit) {
      this.misses += 1
      return
    }
    const tier = inMemory ? 'memory' : 'redis'
    this.hits[tier] = (this.hits[tier] ?? 0) + 1
  }
}

describe('after a random workload every series equals what callers saw, to the unit', () => {
  test.each([
    ['memory alone', false, {}],
    ['a small memory alone', false, { memory: { maxEntries: 5 } }],
    ['memory over Redis', true, {}],
    ['a small memory over Redis', true, { memory: { maxEntries: 5 } }],
    ['Redis alone', true, { memory: false as const }],
  ])('%s, read by a cumulative and a delta reader at once', async (_, withRedis, options) => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const random = randomNumbers(seed)
    const { cache, cumulative, delta } = await observed({ withRedis, ...options })
    const recorder = new Recorder(cache)
    const sums = new DeltaSums()
    const key = (): string => `key-${Math.floor(random() * 20)}`
    const pauses = [async () => {}, turn, () => Promise.resolve()]
    const pause = () => (pauses[Math.floor(random() * pauses.length)] as () => Promise<unknown>)()
    const readDelta = async (): Promise<void> => {
      const collected = await delta.read()
      for (const name of FAMILIES) sums.add(collected, name)
    }
    for (let round = 0; round < 150; round++) {
      // Reads among themselves, also of one key at once. Changes by themselves: whose load they void is not seen outside.
      await Promise.all(
        Array.from({ length: 1 + Math.floor(random() * 6) }, () => {
          const kind = random()
          if (kind < 0.3) return recorder.get(key())
          if (kind < 0.5) return recorder.getMany(Array.from({ length: Math.floor(random() * 5) }, key))
          return recorder.getOrSet(key(), pause)
        }),
      )
      const kind = random()
      if (kind < 0.2) await recorder.change('set', (cache) => cache.set(key(), { set: round }))
      else if (kind < 0.3)
        await recorder.change('set', (cache) =>
          cache.setMany([
            [key(), 1],
            [key(), 2],
          ]),
        )
      else if (kind < 0.5) await recorder.change('delete', (cache) => cache.delete(key()))
      else if (kind < 0.55) await recorder.change('delete', (cache) => cache.deleteMany([key(), key()]))
      else if (kind < 0.58) await recorder.change('clear', (cache) => cache.clear())
      else if (kind < 0.6) await cache.has(key())
      if (random() < 0.1) await readDelta()
    }
    await readDelta()
    const collected = await cumulative.read()
    const why = `seed ${seed}`
    for (const tier of ['memory', 'redis']) {
      expect(collected.sum(HITS, { tier }) ?? 0, `${tier} hits, ${why}`).toBe(recorder.hits[tier] ?? 0)
    }
    expect(collected.sum(MISSES), `misses, ${why}`).toBe(recorder.misses)
    expect(collected.sum(ERRORS), `errors, ${why}`).toBe(0)
    for (const [operation, count] of Object.entries(recorder.observations)) {
      for (const name of [LATENCY_MS, DURATION_S]) {
        expect(collected.count(name, { operation }), `${name} ${operation}, ${why}`).toBe(count)
      }
    }
    for (const name of FAMILIES) {
      for (const [total, ofDeltas] of sums.of(collected, name)) expect(ofDeltas, `${name}, ${why}`).toBe(total)
    }
    expect(cache.stats().loads).toBe(recorder.loads)
  })
})

describe('readers', () => {
  test('of delta get every counter in every window, windows that touch, and 0 for what was idle', async () => {
    const { cache, delta } = await observed({ withRedis: true })
    let ends: Map<string, number> | undefined
    for (let window = 0; window < 4; window++) {
      if (window % 2 === 1) await cache.getOrSet(`key-${window}`, () => 1)
      await new Promise((resolve) => setTimeout(resolve, 2))
      const collected = await delta.read()
      const next = new Map<string, number>()
      for (const name of COUNTERS) {
        for (const { attributes, startTime, endTime, value } of collected.points(name)) {
          const series = `${name} ${JSON.stringify(attributes)}`
          const [from, to] = [startTime, endTime].map(([seconds, nanos]) => seconds * 1e3 + nanos / 1e6) as [
            number,
            number,
          ]
          expect(to, series).toBeGreaterThanOrEqual(from)
          if (ends !== undefined) expect(from, series).toBeGreaterThanOrEqual((ends.get(series) as number) - 1)
          if (window % 2 === 0) expect(value, series).toBe(0)
          next.set(series, to)
        }
      }
      expect(next.size).toBeGreaterThan(10)
      if (ends !== undefined) expect([...next.keys()].sort()).toEqual([...ends.keys()].sort())
      ends = next
    }
  })

  test('get no point that starts after it ends, also of a series that appeared late', async () => {
    const { cache, cumulative, client } = await observed({ withRedis: true })
    await cumulative.read()
    await client?.quit()
    await cache.delete('a')
    await cache.clear()
    const collected = await cumulative.read()
    for (const { startTime, endTime, attributes } of collected.all) {
      const started = startTime[0] * 1e9 + startTime[1]
      expect(endTime[0] * 1e9 + endTime[1], JSON.stringify(attributes)).toBeGreaterThanOrEqual(started)
    }
  })

  test('get the right sums through a View that drops an attribute', async () => {
    const drop = (name: string, attribute: string) => ({
      instrumentName: name,
      attributesProcessors: [createDenyListAttributesProcessor([attribute])],
    })
    const { provider, cumulative, delta } = makeProvider({
      views: [drop(HITS, 'tier'), drop(MISSES, 'reason'), drop(ERRORS, 'error_type'), drop(DURATION_S, 'operation')],
    })
    const client = await connect(Client, redis.server)
    const cache = makeCache({ redis: client, redisTimeout: 10_000, meterProvider: provider })
    const writer = makeCache({ name: cache.name, redis: client, redisTimeout: 10_000 })
    await writer.set('a', 1)
    // 5 of one tier and 7 of another.
    for (let hit = 0; hit < 6; hit++) await cache.get('a')
    await client.set(`${cache.name}:v:{x}`, 'garbage')
    for (let miss = 0; miss < 4; miss++) await cache.getMany(['x', 'y'])
    for (const reader of [cumulative, delta]) {
      const collected = await reader.read()
      expect(collected.points(HITS).map(({ value }) => value)).toEqual([6])
      expect(collected.points(MISSES).map(({ value }) => value)).toEqual([8])
      expect(collected.sum(ERRORS, { operation: 'get' })).toBe(4)
      expect(collected.points(DURATION_S)).toHaveLength(1)
      expect(collected.count(DURATION_S)).toBe(1 + 4)
    }
  })

  test('that come twice to one provider do not disturb each other', async () => {
    const { cache, cumulative, delta } = await observed()
    for (let round = 1; round <= 3; round++) {
      await cache.get(`unknown-${round}`)
      const [first, second, window] = [await cumulative.read(), await cumulative.read(), await delta.read()]
      expect([first.sum(MISSES), second.sum(MISSES), window.sum(MISSES)]).toEqual([round, round, 1])
    }
  })
})

describe('caches', () => {
  test('of one name add up, of two names stay apart', async () => {
    const { provider, cumulative } = makeProvider()
    const name = freshName()
    const [one, twin, other] = [name, name, freshName()].map((name) =>
      makeCache({ name, meterProvider: provider }),
    ) as [Cache, Cache, Cache]
    for (let miss = 0; miss < 3; miss++) await one.get('a')
    for (let miss = 0; miss < 4; miss++) await twin.get('a')
    for (let miss = 0; miss < 5; miss++) await other.get('a')
    await one.close()
    await twin.get('a')
    const collected = await cumulative.read()
    expect(collected.sum(MISSES, { cache: name })).toBe(8)
    expect(collected.count(DURATION_S, { cache: name })).toBe(8)
    expect(collected.sum(MISSES, { cache: other.name })).toBe(5)
  })

  test("that are closed have told everything, and the provider's later collections work", async () => {
    const { cache, cumulative, delta } = await observed()
    await cumulative.read()
    await cache.get('a')
    await cache.getOrSet('a', () => 1)
    await cache.get('a')
    await cache.close()
    for (const reader of [cumulative, delta]) {
      const collected = await reader.read()
      expect([collected.sum(HITS), collected.sum(MISSES)]).toEqual([1, 2])
    }
    expect((await cumulative.read()).sum(MISSES)).toBe(2)
  })

  test('made and closed by the thousand leave nothing that each collection would visit', async () => {
    const { provider, cumulative } = makeProvider()
    const name = freshName()
    for (let count = 0; count < 1_000; count++) {
      const cache = createCache({ name, meterProvider: provider })
      await cache.get('a')
      await cache.close()
    }
    const collected = await cumulative.read()
    expect(collected.sum(MISSES)).toBe(1_000)
    expect(collected.all.length).toBeLessThanOrEqual(40)
  })
})

describe('the provider', () => {
  /** Registers a provider as the global one, until the test ends. */
  function register(provider: ApiMeterProvider): void {
    metrics.disable()
    metrics.setGlobalMeterProvider(provider)
    onTestFinished(() => metrics.disable())
  }

  test('is the global one that is there when the cache is made', async () => {
    const { provider, cumulative } = makeProvider()
    register(provider)
    const cache = makeCache()
    await cache.get('a')
    const collected = await cumulative.read()
    expect(collected.sum(MISSES, { cache: cache.name })).toBe(1)
    expect(collected.count(DURATION_S)).toBe(1)
  })

  test.each([
    ['with memory', {}],
    ['without memory', { memory: false as const }],
  ])(
    'may be registered after the cache was made and used: it is told what was counted before (%s)',
    async (_, options) => {
      metrics.disable()
      const cache = makeCache(options)
      await cache.get('a')
      await cache.get('b')
      const { provider, cumulative, delta } = makeProvider()
      register(provider)
      await turn()
      await cache.get('c')
      for (const reader of [cumulative, delta]) {
        const collected = await reader.read()
        expect(collected.sum(MISSES, { cache: cache.name })).toBe(3)
        expect(collected.sum(HITS) ?? 0).toBe(0)
      }
      await cache.get('d')
      expect((await cumulative.read()).count(DURATION_S)).toBeGreaterThanOrEqual(1)
    },
  )

  test('may be replaced: each is told what happened in its time, and both together everything', async () => {
    const [first, second] = [makeProvider(), makeProvider()]
    register(first.provider)
    const cache = makeCache()
    await cache.get('a')
    await cache.get('a')
    register(second.provider)
    await turn()
    await cache.get('a')
    await cache.set('a', 1)
    await cache.get('a')
    const [before, after] = [await first.cumulative.read(), await second.cumulative.read()]
    expect((before.sum(MISSES) ?? 0) + (after.sum(MISSES) ?? 0)).toBe(3)
    expect(before.sum(MISSES)).toBe(2)
    expect(after.sum(HITS)).toBe(1)
    expect((await second.cumulative.read()).sum(HITS)).toBe(1)
    expect((await first.cumulative.read()).sum(MISSES)).toBe(2)
  })

  test('may go and come back: nothing is lost and nothing told twice', async () => {
    const [first, second] = [makeProvider(), makeProvider()]
    register(first.provider)
    const cache = makeCache()
    await cache.get('a')
    metrics.disable()
    await turn()
    await cache.get('a')
    await cache.get('a')
    await turn()
    register(second.provider)
    await cache.get('a')
    const sums = [await first.cumulative.read(), await second.cumulative.read()].map((one) => one.sum(MISSES) ?? 0)
    expect(sums).toEqual([1, 3])
  })

  test('given in the options wins over the global one', async () => {
    const [own, global] = [makeProvider(), makeProvider()]
    register(global.provider)
    const cache = makeCache({ meterProvider: own.provider })
    await cache.get('a')
    expect((await own.cumulative.read()).sum(MISSES)).toBe(1)
    expect((await global.cumulative.read()).metrics).toEqual([])
  })

  test('gets the last counts when it is shut down', async () => {
    const reader = new TestReader()
    const { MeterProvider } = await import('@opentelemetry/sdk-metrics')
    const provider = new MeterProvider({ readers: [reader] })
    const cache = makeCache({ meterProvider: provider })
    await cache.get('a')
    await reader.read()
    await cache.getOrSet('a', () => 1)
    await cache.get('a')
    await provider.shutdown()
    expect([reader.final?.sum(HITS), reader.final?.sum(MISSES)]).toEqual([1, 2])
    expect(await cache.get('a')).toBe(1)
    expect(cache.stats().hits.memory).toBe(2)
  })

  test('need not be there: the cache works and its stats count', async () => {
    metrics.disable()
    const cache = makeCache()
    await cache.getOrSet('a', () => 1)
    await cache.get('a')
    expect(cache.stats()).toMatchObject({ hits: { memory: 1 }, misses: 1 })
    expect(await cache.close()).toEqual({ unconfirmed: 0 })
  })
})

describe('a hostile provider hurts no caller', () => {
  const fail = (): never => {
    throw new Error('hostile')
  }
  const quiet = { add() {}, record() {}, addCallback() {}, removeCallback() {} }
  const meter = (changes: Record<string, unknown>) => ({
    createCounter: () => quiet,
    createHistogram: () => quiet,
    createUpDownCounter: () => quiet,
    createGauge: () => quiet,
    createObservableCounter: () => quiet,
    createObservableGauge: () => quiet,
    createObservableUpDownCounter: () => quiet,
    addBatchObservableCallback() {},
    removeBatchObservableCallback() {},
    ...changes,
  })

  const HOSTILE: ReadonlyArray<readonly [string, unknown]> = [
    ['whose getMeter throws', { getMeter: fail }],
    ['whose meter is nothing', { getMeter: () => undefined }],
    ['whose meter makes nothing', { getMeter: () => ({}) }],
    ['whose counters cannot be made', { getMeter: () => meter({ createCounter: fail }) }],
    ['whose histograms cannot be made', { getMeter: () => meter({ createHistogram: fail }) }],
    [
      'whose observables cannot be made',
      { getMeter: () => meter({ createObservableGauge: fail, createObservableCounter: fail }) },
    ],
    ['whose counters are nothing', { getMeter: () => meter({ createCounter: () => undefined }) }],
    ['whose histograms are nothing', { getMeter: () => meter({ createHistogram: () => undefined }) }],
    ['whose counters throw', { getMeter: () => meter({ createCounter: () => ({ add: fail }) }) }],
    ['whose histograms throw', { getMeter: () => meter({ createHistogram: () => ({ record: fail }) }) }],
    [
      'whose observables throw',
      { getMeter: () => meter({ createObservableGauge: () => ({ addCallback: fail, removeCallback: fail }) }) },
    ],
    [
      'whose counters refuse what they have not seen at the start',
      {
        getMeter: () => {
          const started = Date.now()
          const seen = new Set<string>()
          let open = true
          setImmediate(() => {
            open = false
          })
          return meter({
            createCounter: () => ({
              add(_: number, attributes: object) {
                const series = JSON.stringify(attributes)
                if (open) seen.add(series)
                else if (!seen.has(series)) throw new Error(`unknown since ${started}`)
              },
            }),
          })
        },
      },
    ],
  ]

  test.each(HOSTILE)('%s', async (_, provider) => {
    const server = await ownRedis()
    const client = await connect(Client, server)
    const cache = makeCache({
      redis: client,
      redisTimeout: 10_000,
      timeMemoryHits: true,
      meterProvider: provider as ApiMeterProvider,
    })
    await turn()
    expect(await cache.getOrSet('a', () => 1)).toBe(1)
    await turn()
    expect(await cache.get('a')).toBe(1)
    expect(await cache.getMany(['a', 'b'])).toEqual([1, undefined])
    expect(await cache.set('b', 2)).toBe(true)
    expect(await cache.delete('b')).toBe(true)
    // Failures of a kind that had no series yet.
    await client.config('SET', 'maxmemory', '1')
    expect(await cache.set('c', 3)).toBe(false)
    expect(await cache.getOrSet('d', () => 4)).toBe(4)
    expect(await cache.clear()).toBe(true)
    await client.call('ACL', 'SETUSER', 'default', 'resetkeys')
    expect(await cache.get('e')).toBeUndefined()
    expect(await cache.getOrSet('e', () => 5)).toBe(5)
    expect(await cache.set('e', 5)).toBe(false)
    expect(await cache.delete('e')).toBe(false)
    expect(await cache.clear()).toBe(false)
    expect(cache.stats()).toMatchObject({ hits: { memory: 2 } })
    expect(await cache.close()).toEqual({ unconfirmed: expect.any(Number) })
  })

  test('and a collection that meets a closed or busy cache goes on', async () => {
    const { cache, cumulative } = await observed()
    const collecting = cumulative.read()
    await cache.close()
    await collecting
    expect((await cumulative.read()).sum(MISSES)).toBe(0)
  })

  test('nothing is written to the console', async () => {
    const spies = (['log', 'warn', 'error', 'info'] as const).map((level) => vi.spyOn(console, level))
    onTestFinished(() => {
      for (const spy of spies) spy.mockRestore()
    })
    const cache = makeCache({ meterProvider: { getMeter: fail } as unknown as ApiMeterProvider })
    await cache.getOrSet('a', () => 1)
    await cache.close()
    for (const spy of spies) expect(spy).not.toHaveBeenCalled()
  })
})
