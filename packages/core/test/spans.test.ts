import {
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  ParentBasedSampler,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Cache, CacheOptions } from '../src/index.js'
import { freshName, makeCache, makeTimedCache } from './support/caches.js'
import { fakeEnvironment } from './support/environment.js'
import { type FakeClock, turn } from './support/fake-clock.js'
import { ownRedis, useRedis } from './support/redis.js'
import { useTraces } from './support/traces.js'
import { noUnhandledRejections } from './support/unhandled.js'
import { deferred, until } from './support/until.js'

noUnhandledRejections()
const traces = useTraces()
const redis = useRedis()

async function connected(options = {}, port: number = redis.server.port) {
  const client = new traces.Redis({ port, host: '127.0.0.1', ...options })
  client.on('error', () => {})
  onTestFinished(() => client.disconnect())
  await until(() => client.status === 'ready')
  return client
}

async function open(
  options: Partial<CacheOptions> = {},
  clientOptions = {},
): Promise<{ cache: Cache; clock: FakeClock }> {
  const client = await connected(clientOptions)
  const timed = makeTimedCache({ name: freshName(), redis: client, memory: false, redisTimeout: 10_000, ...options })
  await timed.cache.set('warm', 'value')
  await timed.cache.set('other', 'value')
  traces.reset()
  return timed
}

const parentOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId
const idOf = (span: ReadableSpan | { spanContext(): SpanContext }): string => span.spanContext().spanId
const linksOf = (span: ReadableSpan): string[] => span.links.map((link) => link.context.spanId)

describe('a call that leaves memory', () => {
  const CALLS: ReadonlyArray<readonly [string, string, (cache: Cache) => Promise<unknown>]> = [
    ['get', 'get', (cache) => cache.get('warm')],
    ['get of a missing key', 'get', (cache) => cache.get('missing')],
    ['getMany', 'get', (cache) => cache.getMany(['warm', 'other', 'missing'])],
    ['getOrSet', 'get', (cache) => cache.getOrSet('new', () => 1)],
    ['getOrSetMany', 'get', (cache) => cache.getOrSetMany(['new', 'warm'], (keys) => keys.map(() => 1))],
    ['getOrSet through a namespace', 'get', (cache) => cache.namespace('n').getOrSet('new', () => 1)],
    ['a wrapped function', 'get', (cache) => cache.wrap(() => 1, { key: () => 'wrapped' })()],
    ['has', 'get', (cache) => cache.has('warm')],
    ['inspect', 'get', (cache) => cache.inspect('missing')],
    ['set', 'put', (cache) => cache.set('a', 1)],
    [
      'setMany',
      'put',
      (cache) =>
        cache.setMany([
          ['a', 1],
          ['b', 1],
        ]),
    ],
    ['delete', 'remove', (cache) => cache.delete('warm')],
    ['deleteMany', 'remove', (cache) => cache.deleteMany(['warm', 'other'])],
    ['deleteByTag', 'flush', (cache) => cache.deleteByTag('t')],
    ['expire', 'put', (cache) => cache.expire('warm')],
    ['clear', 'flush', (cache) => cache.clear()],
  ]

  test.each(CALLS)(
    '%s is one INTERNAL span under its caller, and the Redis commands are its children',
    async (_, operation, call) => {
      const { cache } = await open()
      await traces.request('request', () => call(cache))
      const request = traces.named('request')
      expect(traces.calls).toHaveLength(1)
      const [span] = traces.calls as [ReadableSpan]
      expect(span.name).toBe(`cache.${operation} ${cache.name}`)
      expect(span.kind).toBe(SpanKind.INTERNAL)
      expect(parentOf(span)).toBe(idOf(request))
      expect(span.attributes).toMatchObject({
        'cache.operation': operation,
        'sentry.op': `cache.${operation}`,
        'cache.name': cache.name,
      })
      expect(traces.commands.length).toBeGreaterThan(0)
      for (const command of traces.commands) expect(parentOf(command), command.name).toBe(idOf(span))
    },
  )

  test('has no span without a parent, or under one that is not recorded', async () => {
    const { cache } = await open()
    for (const [, , call] of CALLS) await call(cache)
    const unrecorded = trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '1'.repeat(16), traceFlags: 0 })
    await context.with(trace.setSpan(ROOT_CONTEXT, unrecorded), async () => {
      for (const [, , call] of CALLS) await call(cache)
    })
    expect(traces.calls).toEqual([])
  })

  test('has none when memory answers, also stale', async () => {
    const { cache, clock } = await open({ memory: {}, ttl: 1_000, staleWhileRevalidate: 60_000, maxStaleness: 60_000 })
    await cache.set('k', 1)
    await traces.request('request', async () => {
      await cache.get('k')
      await cache.getMany(['k'])
      await cache.getOrSet('k', () => 2)
      cache.peek('k')
      await cache.has('k')
      await clock.advance(2_000)
      expect(await cache.getOrSet('k', () => 2)).toBe(1)
    })
    const children = traces.calls.filter((span) => parentOf(span) === idOf(traces.named('request')))
    expect(children).toEqual([])
  })

  test('tells what became of it', async () => {
    const { cache } = await open()
    const attributes = async (call: () => Promise<unknown>) => {
      traces.reset()
      await traces.request('request', call)
      return (traces.calls[0] as ReadableSpan).attributes
    }
    expect(await attributes(() => cache.get('warm'))).toMatchObject({
      'cache.hit': true,
      'cache.tier': 'redis',
      'cache.item_size': 7,
    })
    expect(await attributes(() => cache.get('missing'))).toMatchObject({
      'cache.hit': false,
      'cache.miss_reason': 'absent',
    })
    expect(await attributes(() => cache.getMany(['warm', 'missing']))).toMatchObject({
      'cache.hit': false,
      'cache.batch_size': 2,
    })
    expect(await attributes(() => cache.set('a', 'abc', { ttl: 1_500 }))).toMatchObject({
      'cache.item_size': 5,
      'cache.ttl': 2,
    })
  })

  test('tells keys only through the function that is given for it', async () => {
    const { cache } = await open()
    await traces.request('request', () => cache.getOrSet('secret', () => 1))
    expect(traces.calls.flatMap(({ attributes }) => Object.values(attributes)).join()).not.toContain('secret')
    const told = await open({ spanKey: (key) => (key.startsWith('secret') ? undefined : key.toUpperCase()) })
    await traces.request('request', () => told.cache.getMany(['secret', 'public']))
    expect(traces.calls[0]?.attributes['cache.key']).toEqual(['PUBLIC'])
    const thrower = await open({
      spanKey: () => {
        throw new Error('not today')
      },
    })
    await traces.request('request', async () => expect(await thrower.cache.get('warm')).toBe('value'))
  })

  test('of a loader that fails is an error, with the error', async () => {
    const { cache } = await open()
    const broken = new TypeError('broken')
    await traces.request('request', () => cache.getOrSet('k', () => Promise.reject(broken)).catch(() => {}))
    const [span] = traces.calls as [ReadableSpan]
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: 'broken' })
    expect(span.attributes['error.type']).toBe('TypeError')
    expect(span.events.map(({ name }) => name)).toEqual(['exception'])
  })

  test("tells no key in the cache's own errors, either", async () => {
    const { cache, clock } = await open()
    await traces.request('request', async () => {
      const late = cache.getOrSet('secret', () => new Promise(() => {}), { loadTimeout: 10 }).catch(() => {})
      await until(() => cache.stats().loads === 1)
      await clock.advance(10)
      await late
      await cache.getOrSet('secret 2', () => cache.getOrSet('secret 2', () => 1)).catch(() => {})
    })
    expect(traces.calls.length).toBeGreaterThanOrEqual(2)
    const told = traces.calls.map(({ name, status, attributes, events }) => ({ name, status, attributes, events }))
    expect(JSON.stringify(told)).toContain('ERR_CACHE_LOAD_TIMEOUT')
    expect(JSON.stringify(told)).not.toContain('secret')
  })

  test('that Redis fails says how, and an unconfirmed change is an error', async () => {
    const server = await ownRedis()
    const client = await connected({}, server.port)
    const { cache, clock } = makeTimedCache({ redis: client, memory: false })
    await cache.set('k', 1)
    traces.reset()
    await server.kill('SIGSTOP')
    const reading = traces.request('reading', () => cache.getOrSet('k', () => 'loaded'))
    const writing = traces.request('writing', () => cache.delete('k'))
    await clock.advance(100)
    expect(await Promise.all([reading, writing])).toEqual(['loaded', false])
    const [read, write] = ['reading', 'writing'].map((name) =>
      traces.calls.find((span) => parentOf(span) === idOf(traces.named(name))),
    )
    expect(read?.attributes).toMatchObject({
      'error.type': 'timeout',
      'cache.hit': false,
      'cache.miss_reason': 'unavailable',
    })
    expect(read?.status.code).toBe(SpanStatusCode.UNSET)
    expect(write?.attributes['error.type']).toBe('timeout')
    expect(write?.status.code).toBe(SpanStatusCode.ERROR)
    await server.kill('SIGCONT')
  })

  test('uses the tracer provider that is given', async () => {
    const other = new BasicTracerProvider()
    const { cache } = await open({ tracerProvider: other })
    await traces.request('request', () => cache.get('warm'))
    expect(traces.calls).toEqual([])
    const { cache: usual } = await open({ tracerProvider: traces.provider })
    await traces.request('request 2', () => usual.get('warm'))
    expect(traces.calls).toHaveLength(1)
  })
})

describe('a hostile tracer provider hurts no caller', () => {
  const thrower = (): never => {
    throw new Error('hostile')
  }
  const hostileSpan = new Proxy({} as Span, {
    get: (_, name) => (name === 'isRecording' ? () => true : thrower),
  })
  const HOSTILE: ReadonlyArray<readonly [string, () => unknown]> = [
    ['whose getTracer throws', thrower],
    ['whose getTracer returns nothing', () => undefined],
    ['whose tracer throws', () => ({ startSpan: thrower })],
    ['whose tracer returns nothing', () => ({ startSpan: () => undefined })],
    ['whose tracer returns nonsense', () => ({ startSpan: () => 5 })],
    ['whose spans throw', () => ({ startSpan: () => hostileSpan })],
  ]

  test.each(HOSTILE)('%s', async (_, getTracer) => {
    const { cache } = await open({ tracerProvider: { getTracer } as unknown as TracerProvider })
    await traces.request('request', async () => {
      expect(await cache.get('warm')).toBe('value')
      expect(await Promise.all([cache.getOrSet('new', () => 1), cache.getOrSet('new', () => 2)])).toEqual([1, 1])
      expect(await cache.set('a', 1)).toBe(true)
      expect(await cache.delete('a')).toBe(true)
      const broken = new Error('broken')
      await expect(cache.getOrSet('b', () => Promise.reject(broken))).rejects.toBe(broken)
    })
    expect(cache.stats()).toMatchObject({ errors: 0, coalesced: 1, misses: 3 })
  })
})

describe('loaders', () => {
  test('run under the call that set them off, in its trace', async () => {
    const { cache } = await open()
    await traces.request('request', () =>
      cache.getOrSet('k', async () => {
        await turn()
        return traces.provider.getTracer('database').startActiveSpan('query', async (span) => {
          span.end()
          return 1
        })
      }),
    )
    expect(parentOf(traces.named('query'))).toBe(idOf(traces.calls[0] as ReadableSpan))
  })

  test('that wait for a place under the cap keep their own trace', async () => {
    const { cache } = await open({ maxConcurrentLoads: 1 })
    const queries = ['a', 'b', 'c'].map((key) =>
      traces.request(`request ${key}`, () =>
        cache.getOrSet(key, async () => {
          await turn()
          trace.getTracer('database').startSpan(`query ${key}`).end()
          return key
        }),
      ),
    )
    await Promise.all(queries)
    for (const key of ['a', 'b', 'c']) {
      expect(traces.named(`query ${key}`).spanContext().traceId).toBe(
        traces.named(`request ${key}`).spanContext().traceId,
      )
    }
  })
})

describe.each([
  ['a client as it comes', {}],
  ['a client that pipelines by itself', { enableAutoPipelining: true }],
] as const)('concurrent callers on %s', (_, clientOptions) => {
  test('each get their own span, with their own Redis commands below', async () => {
    const { cache } = await open({}, clientOptions)
    const keys = Array.from({ length: 10 }, (_, index) => `key ${index}`)
    await Promise.all(keys.map((key) => traces.request(key, () => cache.get(key))))
    expect(traces.calls).toHaveLength(10)
    for (const key of keys) {
      const request = traces.named(key)
      const inTrace = traces.all.filter((span) => span.spanContext().traceId === request.spanContext().traceId)
      expect(inTrace.filter(({ kind }) => kind === SpanKind.INTERNAL)).toHaveLength(2)
    }
    const calls = new Set(traces.calls.map(idOf))
    for (const command of traces.commands) expect(calls.has(parentOf(command) ?? 'none')).toBe(true)
  })

  test('who share a load: the waiters link to the leader, whose loader it is', async () => {
    const { cache } = await open({}, clientOptions)
    const { promise, resolve } = deferred<number>()
    const names = ['leader', 'waiter 1', 'waiter 2', 'waiter 3']
    const calls = names.map((name) => traces.request(name, () => cache.getOrSet('shared', () => promise)))
    const late = turn().then(() => traces.request('waiter 4', () => cache.namespace('x').getOrSet('shared', () => 2)))
    await turn()
    resolve(1)
    await Promise.all([...calls, late])
    const callOf = (name: string) =>
      traces.calls.find((span) => parentOf(span) === idOf(traces.named(name))) as ReadableSpan
    const leader = callOf('leader')
    expect(linksOf(leader)).toEqual([])
    for (const name of names.slice(1)) expect(linksOf(callOf(name))).toEqual([idOf(leader)])
    for (const command of traces.commands) {
      expect([idOf(leader), idOf(callOf('waiter 4'))]).toContain(parentOf(command))
    }
  })
})

describe('a refresh behind', () => {
  const REFRESHES: ReadonlyArray<readonly [string, Partial<CacheOptions>]> = [
    ['of what is stale in Redis', { memory: false }],
    ['of what is stale in memory', { memory: {}, maxStaleness: 60_000 }],
  ]

  test.each(REFRESHES)('%s is a root of its own, linked to what set it off', async (_, options) => {
    const { cache, clock } = await open({ ttl: 1, staleWhileRevalidate: 600_000, ...options })
    await cache.set('k', 'old')
    await until(async () => {
      // Redis's clock is looked at again after a second.
      await clock.advance(1_001)
      return (await cache.inspect('k'))?.fresh === false
    })
    traces.reset()
    const { promise, resolve } = deferred<string>()
    await traces.request('request', async () => {
      const value = await cache.getOrSet('k', async () => {
        trace.getTracer('database').startSpan('query').end()
        return promise
      })
      expect(value).toBe('old')
    })
    resolve('new')
    await until(() => traces.calls.some((span) => span.attributes['cache.operation'] === 'get' && !parentOf(span)))
    const root = traces.calls.find((span) => parentOf(span) === undefined) as ReadableSpan
    const request = traces.named('request')
    expect(root.spanContext().traceId).not.toBe(request.spanContext().traceId)
    expect(parentOf(traces.named('query'))).toBe(idOf(root))
    const inRequest = traces.all.filter((span) => span.spanContext().traceId === request.spanContext().traceId)
    expect(inRequest.map(idOf)).toContain(linksOf(root)[0])
    // What is stored after it belongs to it as well; the first script was the lookup.
    const [, ...stored] = traces.commands.filter(({ name }) => name === 'evalsha')
    expect(stored.length).toBeGreaterThan(0)
    for (const command of stored) expect(command.spanContext().traceId).toBe(root.spanContext().traceId)
  })

  test("leaves its caller's trace also where the new one is not sampled", async () => {
    const tracerProvider = new BasicTracerProvider({
      sampler: new ParentBasedSampler({ root: new AlwaysOffSampler() }),
    })
    const { cache, clock } = makeTimedCache({ ttl: 1_000, staleWhileRevalidate: 600_000, tracerProvider })
    await cache.set('k', 'old')
    await clock.advance(1_500)
    let loadedIn: string | undefined
    const request = await traces.request('request', async (span) => {
      const value = await cache.getOrSet('k', () => {
        loadedIn = trace.getActiveSpan()?.spanContext().traceId
        return 'new'
      })
      expect(value).toBe('old')
      return span.spanContext().traceId
    })
    await until(() => cache.stats().loads === 1)
    expect(loadedIn).not.toBe(request)
  })

  test('early is a root as well', async () => {
    let random = 0
    const { cache, clock } = makeTimedCache(
      {
        redis: await connected(),
        memory: {},
        maxStaleness: 60_000,
        ttl: 9_000,
        earlyRefresh: true,
        redisTimeout: 10_000,
      },
      fakeEnvironment(() => random),
    )
    const { promise, resolve } = deferred<string>()
    const loading = cache.getOrSet('k', () => promise)
    await until(() => cache.stats().loads === 1)
    await clock.advance(1_000)
    resolve('old')
    await loading
    await clock.advance(8_000)
    random = 1 - Number.EPSILON
    traces.reset()
    await traces.request('request', async () => expect(await cache.getOrSet('k', () => 'new')).toBe('old'))
    await until(() => traces.calls.length > 0)
    const [root] = traces.calls as [ReadableSpan]
    expect(traces.calls).toHaveLength(1)
    expect(parentOf(root)).toBeUndefined()
    expect(linksOf(root)).toEqual([idOf(traces.named('request'))])
    for (const command of traces.commands) expect(parentOf(command)).toBe(idOf(root))
  })
})

test("housekeeping makes no noise: pings, probes and replays are in nobody's trace", async () => {
  const server = await ownRedis()
  const client = await connected({}, server.port)
  const cache = makeCache({ redis: client, memory: false, redisTimeout: 50 })
  await cache.set('k', 1)
  await server.kill('SIGSTOP')
  traces.reset()
  await traces.request('request', async () => {
    await cache.delete('k')
    await until(async () => {
      await cache.get('other')
      return cache.stats().circuit === 'open'
    })
  })
  const before = traces.all.length
  await server.kill('SIGCONT')
  await until(() => cache.stats().circuit === 'closed' && cache.stats().unconfirmed === 0)
  await cache.ready()
  await turn()
  expect(traces.all.slice(before).filter(({ name }) => name === 'ping')).toEqual([])
  const calls = new Set(traces.calls.map(idOf))
  for (const command of traces.commands) expect(calls.has(parentOf(command) ?? 'none'), command.name).toBe(true)
  expect(traces.commands.filter(({ name }) => name === 'ping')).toEqual([])
})
