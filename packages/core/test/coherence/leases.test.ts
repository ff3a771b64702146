import { afterAll, describe, expect, test } from 'vitest'
import { entry, type Lifetime } from '../../src/index.js'
import { HeldBatchLoader, HeldLoader, unexpected } from '../read-through/support/loads.js'
import { freshName, makeCache } from '../support/caches.js'
import { allKeys, connect, IOREDIS, ownRedis, useRedis } from '../support/redis.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { until } from '../support/until.js'
import { inRedis, type Process, processOn, twoOn, useCluster, waits, withoutLooks } from './support/fleet.js'

noUnhandledRejections()

const redis = useRedis()
const [{ Client }] = IOREDIS

const CALLERS = 200
const callers = <T>(call: () => Promise<T>): ReadonlyArray<Promise<T>> => Array.from({ length: CALLERS }, call)

/** Who shares a leader's failure is not what a test waits for. */
const settled = <T>(calls: ReadonlyArray<Promise<T>>): Promise<unknown> => Promise.allSettled(calls)

async function coalesced({ metrics }: Process): Promise<Record<string, number>> {
  return (await metrics()).counts('redis_cache_coalesced_total', 'scope')
}

/** Resolves once a process has heard all that had changed by now. */
async function hasHeard({ metrics }: Process): Promise<void> {
  const now = performance.now()
  const proofAge = async () => (await metrics()).sum('redis_cache_proof_age_seconds') ?? Number.NaN
  await until(async () => (await proofAge()) * 1_000 < performance.now() - now, 'a proof')
}

// Runs before the server stops: hooks end in the reverse order.
afterAll(async () => {
  const { Redis } = await import('ioredis')
  const client = new Redis(redis.server.port)
  // Those of the dead end within two seconds.
  await until(async () => (await client.keys('*')).every((key) => !key.includes(':l:')), 'every lease to end')
  client.disconnect()
})

describe('one load for the fleet', () => {
  test('200 callers in each of two processes share one load', async () => {
    const { a, b } = await twoOn(redis.server)
    const { load, run, runs } = new HeldLoader<string>()
    const inA = callers(() => a.cache.getOrSet('k', load))
    const { resolve } = await run(1)
    const inB = callers(() => b.cache.getOrSet('k', unexpected))
    await waits(b)
    resolve('v')
    expect(new Set(await Promise.all([...inA, ...inB]))).toEqual(new Set(['v']))
    expect(runs).toHaveLength(1)
    expect(await coalesced(a)).toEqual({ process: CALLERS - 1, fleet: 0 })
    expect(await coalesced(b)).toEqual({ process: 0, fleet: CALLERS })
    expect(b.cache.stats()).toMatchObject({ misses: CALLERS, loads: 0, coalesced: CALLERS, errors: 0 })
  })

  test('so they do when they come at once', async () => {
    const { name, a, b } = await twoOn(redis.server)
    const { load, run, runs } = new HeldLoader<string>()
    const calls = [a, b].flatMap(({ cache }) => callers(() => cache.getOrSet('k', load)))
    const { resolve } = await run(1)
    await until(() => Math.max(a.spy.claims, b.spy.claims) >= 2, 'the other to wait')
    resolve('v')
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['v']))
    expect(runs).toHaveLength(1)
    const [leader, other] = a.cache.stats().loads === 1 ? [a, b] : [b, a]
    expect([await coalesced(leader), await coalesced(other)]).toEqual([
      { process: CALLERS - 1, fleet: 0 },
      { process: 0, fleet: CALLERS },
    ])
    expect(await inRedis(redis.server, name, 'k')).toBe('v')
  })

  test('three processes wait for a fourth, and each has one look after the write', async () => {
    const { open } = withoutLooks()
    const { name, a, b } = await twoOn(redis.server, {}, open)
    const others = [b, await processOn(redis.server, { name }, open), await processOn(redis.server, { name }, open)]
    const { load, run } = new HeldLoader<string>()
    const leader = a.cache.getOrSet('k', load)
    const { resolve } = await run(1)
    const waiting = others.map(({ cache }) => cache.getOrSet('k', unexpected))
    await Promise.all(others.map((one) => waits(one)))
    resolve('v')
    expect(await Promise.all([leader, ...waiting])).toEqual(['v', 'v', 'v', 'v'])
    expect(others.map(({ spy }) => spy.claims)).toEqual([3, 3, 3])
  })

  test('a cold key under tags and in a namespace is loaded once, too', async () => {
    const { a, b } = await twoOn(redis.server)
    const { load, run } = new HeldLoader<string>()
    const lifetime: Lifetime = { tags: ['t', 'u'] }
    const leader = a.cache.namespace('n', lifetime).getOrSet('k', load)
    const { resolve } = await run(1)
    const waiting = b.cache.namespace('n', lifetime).getOrSet('k', unexpected)
    await waits(b)
    resolve('v')
    expect(await Promise.all([leader, waiting])).toEqual(['v', 'v'])
  })

  test('who waits has asked only a few times', async () => {
    const looks = withoutLooks()
    const { a, b } = await twoOn(redis.server, {}, looks.open)
    const { load, run } = new HeldLoader<string>()
    const leader = a.cache.getOrSet('k', load)
    const { resolve } = await run(1)
    const before = b.spy.answered.length
    const waiting = callers(() => b.cache.getOrSet('k', unexpected))
    await until(() => looks.looks === 1, 'somebody to wait')
    resolve('v')
    await Promise.all([leader, ...waiting])
    // The lookup, a look once it began to wait, and one after the write.
    expect(b.spy.claims).toBe(3)
    expect(b.spy.answered.length - before).toBeLessThanOrEqual(4)
  })

  test('a batch loads what nobody else does, and gets all', async () => {
    const { a, b } = await twoOn(redis.server, {}, withoutLooks().open)
    const { load, run } = new HeldLoader<string>()
    const others = ['x', 'y'].map((key) => a.cache.getOrSet(key, load))
    const [x, y] = [await run(1), await run(2)]
    const batch = new HeldBatchLoader()
    const call = b.cache.getOrSetMany(['w', 'x', 'y', 'z'], batch.load)
    const { keys, resolve } = await batch.run(1)
    expect(keys).toEqual(['w', 'z'])
    resolve(['W', 'Z'])
    await waits(b)
    x.resolve(x.context.key)
    y.resolve(y.context.key)
    expect(await call).toEqual(['W', 'x', 'y', 'Z'])
    expect(await Promise.all(others)).toEqual(['x', 'y'])
    expect(batch.runs).toHaveLength(1)
    expect(await coalesced(b)).toEqual({ process: 0, fleet: 2 })
  })

  test('two batches that overlap load each key once, and neither waits for ever', async () => {
    const { a, b } = await twoOn(redis.server)
    const loaded: string[] = []
    const load = async (keys: readonly string[]): Promise<string[]> => {
      loaded.push(...keys)
      await new Promise((resolve) => setImmediate(resolve))
      return keys.map((key) => `${key}!`)
    }
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
    const [forth, back] = await Promise.all([
      a.cache.getOrSetMany(keys, load),
      b.cache.getOrSetMany([...keys].reverse(), load),
    ])
    expect([forth, back?.reverse()]).toEqual([keys.map((key) => `${key}!`), keys.map((key) => `${key}!`)])
    expect(loaded.sort()).toEqual([...keys].sort())
  })

  test('a refresh before the end is left to the process that began it', async () => {
    const background: Array<Promise<unknown>> = []
    const name = freshName()
    const options = { name, earlyRefresh: { beta: 1e9 } }
    const a = await processOn(redis.server, options)
    const b = await processOn(redis.server, { ...options, waitUntil: (promise) => void background.push(promise) })
    const first = new HeldLoader<string>()
    const cold = a.cache.getOrSet('k', first.load)
    const started = performance.now()
    const { resolve } = await first.run(1)
    // Its duration is what is multiplied.
    await until(() => performance.now() - started > 5)
    resolve('old')
    await cold
    const inA = new HeldLoader<string>()
    expect(await a.cache.getOrSet('k', inA.load)).toBe('old')
    const refresh = await inA.run(1)
    expect(await b.cache.getOrSet('k', unexpected)).toBe('old')
    await until(() => background.length === 1)
    await Promise.all(background)
    refresh.resolve('new')
    await until(async () => (await b.cache.get('k')) === 'new')
    expect(inA.runs).toHaveLength(1)
    expect(b.cache.stats().loads).toBe(0)
  })
})

describe('a leader without a value', () => {
  test("fails: another process loads, and a caller's error stays in its process", async () => {
    const { a, b } = await twoOn(redis.server, {}, withoutLooks().open)
    const { load, run } = new HeldLoader<string>()
    const inA = callers(() => a.cache.getOrSet('k', load))
    const { reject } = await run(1)
    let loads = 0
    const inB = callers(() =>
      b.cache.getOrSet('k', () => {
        loads += 1
        return 'from b'
      }),
    )
    await waits(b)
    const error = new Error('origin')
    reject(error)
    await settled(inA)
    for (const call of inA) await expect(call).rejects.toBe(error)
    expect(new Set(await Promise.all(inB))).toEqual(new Set(['from b']))
    expect(loads).toBe(1)
    expect(await coalesced(b)).toEqual({ process: CALLERS - 1, fleet: 0 })
    expect(await a.cache.get('k')).toBe('from b')
  })

  test('finds nothing: the others look for themselves', async () => {
    const { open } = withoutLooks()
    const { name, a, b } = await twoOn(redis.server, {}, open)
    const c = await processOn(redis.server, { name }, open)
    const { load, run } = new HeldLoader<string | undefined>()
    const calls = [a.cache.getOrSet('k', load)]
    const first = await run(1)
    calls.push(b.cache.getOrSet('k', load), c.cache.getOrSet('k', load))
    await Promise.all([waits(b), waits(c)])
    first.resolve(undefined)
    const second = await run(2)
    second.resolve(undefined)
    const third = await run(3)
    third.resolve(undefined)
    expect(await Promise.all(calls)).toEqual([undefined, undefined, undefined])
    expect(await inRedis(redis.server, name, 'k')).toBeUndefined()
  })

  test('stores nothing, with a ttl of 0: who waits for it loads', async () => {
    const { a, b } = await twoOn(redis.server, {}, withoutLooks().open)
    const { load, run } = new HeldLoader<string>()
    const inA = a.cache.getOrSet('k', async (context) => entry(await load(context), { ttl: 0 }))
    const { resolve } = await run(1)
    const inB = b.cache.getOrSet('k', () => 'from b')
    await waits(b)
    resolve('from a')
    expect(await Promise.all([inA, inB])).toEqual(['from a', 'from b'])
  })

  test('died: it is replaced within three seconds', async () => {
    const name = freshName()
    const { client, cache } = await processOn(redis.server, { name })
    await client.set(`${name}:l:{k}`, 'somebodyelse1', 'PX', 2_000)
    const started = performance.now()
    expect(await cache.getOrSet('k', () => 'v')).toBe('v')
    expect(performance.now() - started).toBeLessThan(4_000)
    expect(cache.stats()).toMatchObject({ errors: 0, loads: 1 })
  })

  test('is closed while it loads: its load goes on, or is replaced, and nobody waits for ever', async () => {
    const { a, b } = await twoOn(redis.server)
    const { load, run } = new HeldLoader<string>()
    const inA = a.cache.getOrSet('k', load)
    const { resolve } = await run(1)
    const inB = b.cache.getOrSet('k', () => 'from b')
    await waits(b)
    await a.cache.close()
    resolve('from a')
    expect(await inA).toBe('from a')
    const started = performance.now()
    expect(await inB).toBeOneOf(['from a', 'from b'])
    expect(performance.now() - started).toBeLessThan(4_000)
  })

  test('loads for longer than a lease lasts: it keeps it', async () => {
    const { name, a, b } = await twoOn(redis.server)
    const { load, run, runs } = new HeldLoader<string>()
    const started = performance.now()
    const calls = [a.cache.getOrSet('k', load), b.cache.getOrSet('k', load)]
    const { resolve } = await run(1)
    const lease = await a.client.get(`${name}:l:{k}`)
    await until(() => performance.now() - started > 2_300)
    expect(await a.client.get(`${name}:l:{k}`)).toBe(lease)
    resolve('v')
    expect(await Promise.all(calls)).toEqual(['v', 'v'])
    expect(runs).toHaveLength(1)
  })
})

describe('who waits', () => {
  test('may give up alone', async () => {
    const { a, b } = await twoOn(redis.server, {}, withoutLooks().open)
    const { load, run } = new HeldLoader<string>()
    const leader = a.cache.getOrSet('k', load)
    const { resolve, context } = await run(1)
    const controller = new AbortController()
    const leaves = b.cache.getOrSet('k', unexpected, { signal: controller.signal })
    const stays = b.cache.getOrSet('k', unexpected)
    await waits(b)
    const reason = new Error('gave up')
    controller.abort(reason)
    await expect(leaves).rejects.toBe(reason)
    expect(context.signal.aborted).toBe(false)
    resolve('v')
    expect(await Promise.all([leader, stays])).toEqual(['v', 'v'])
  })

  test('may all give up, and the leader goes on', async () => {
    const { name, a, b } = await twoOn(redis.server, {}, withoutLooks().open)
    const { load, run } = new HeldLoader<string>()
    const leader = a.cache.getOrSet('k', load)
    const { resolve } = await run(1)
    const controller = new AbortController()
    const calls = [1, 2, 3].map(() => b.cache.getOrSet('k', unexpected, { signal: controller.signal }))
    await waits(b)
    controller.abort()
    await settled(calls)
    for (const call of calls) await expect(call).rejects.toMatchObject({ name: 'AbortError' })
    resolve('v')
    expect(await leader).toBe('v')
    expect(await inRedis(redis.server, name, 'k')).toBe('v')
    expect(await b.cache.getOrSet('k', unexpected)).toBe('v')
  })

  test('may close its cache: its callers are not left waiting, and the leader goes on', async () => {
    const { name, a, b } = await twoOn(redis.server)
    const { load, run } = new HeldLoader<string>()
    const leader = a.cache.getOrSet('k', load)
    const { resolve } = await run(1)
    const call = b.cache.getOrSet('k', () => 'from b')
    await waits(b)
    await b.cache.close()
    // Before the leader is done: else there would be a timer left of a closed cache, and Redis would be asked.
    const before = performance.now()
    const ended = await Promise.race([
      call.catch(({ code }: { code: string }) => code),
      until(() => performance.now() - before > 2_000).then(() => 'still waiting'),
    ])
    resolve('v')
    expect(await leader).toBe('v')
    await call.catch(() => {})
    expect(ended).toBeOneOf(['from b', 'ERR_CACHE_CLOSED'])
    expect(await inRedis(redis.server, name, 'k')).toBe('v')
  })

  test('waits no longer than its own loadTimeout, and the time in which a dead leader is replaced', async () => {
    const { a, b } = await twoOn(redis.server)
    const { load, run } = new HeldLoader<string>()
    const leader = a.cache.getOrSet('k', load)
    const { resolve } = await run(1)
    const started = performance.now()
    expect(await b.cache.getOrSet('k', () => 'from b', { loadTimeout: 50 })).toBe('from b')
    expect(performance.now() - started).toBeLessThan(6_000)
    resolve('from a')
    expect(await leader).toBe('from a')
  })

  test('does not wait with a ttl of 0', async () => {
    const { a, b } = await twoOn(redis.server)
    const { load, run } = new HeldLoader<string>()
    const leader = a.cache.getOrSet('k', load)
    const { resolve } = await run(1)
    expect(await b.cache.getOrSet('k', () => 'from b', { ttl: 0 })).toBe('from b')
    resolve('from a')
    expect(await leader).toBe('from a')
  })

  test('does not wait with `refresh`: it takes the load over', async () => {
    const { name, a, b } = await twoOn(redis.server)
    const { load, run } = new HeldLoader<string>()
    const leader = a.cache.getOrSet('k', load)
    const { resolve } = await run(1)
    expect(await b.cache.getOrSet('k', () => 'refreshed', { refresh: true })).toBe('refreshed')
    resolve('old')
    expect(await leader).toBe('old')
    expect(await inRedis(redis.server, name, 'k')).toBe('refreshed')
    await until(async () => (await a.cache.get('k')) === 'refreshed')
  })

  test('is served stale meanwhile where that is allowed', async () => {
    const { a, b } = await twoOn(redis.server, { staleWhileRevalidate: 60_000 })
    await a.cache.set('k', 'stale')
    await a.cache.expire('k')
    const { load, run } = new HeldLoader<string>()
    expect(await a.cache.getOrSet('k', load)).toBe('stale')
    const { resolve } = await run(1)
    expect(await b.cache.getOrSet('k', unexpected)).toBe('stale')
    resolve('fresh')
    await until(async () => (await b.cache.getOrSet('k', unexpected)) === 'fresh')
    expect(b.cache.stats().loads).toBe(0)
  })
})

/** What another process does while one loads `k`, in the view `n`, and what Redis holds then. */
interface Change {
  readonly change: string
  readonly by: (other: Process<object>) => Promise<boolean>
  /** That the call knows. */
  readonly tags?: readonly string[]
  /** That only the loader knows. */
  readonly loaderTags?: readonly string[]
  readonly left?: unknown
}

const view = ({ cache }: Process<object>) => cache.namespace('n')

const IN_CLUSTER: readonly Change[] = [
  { change: 'delete', by: (other) => view(other).delete('k') },
  { change: 'deleteByTag', by: (other) => view(other).deleteByTag('t'), tags: ['t'] },
  {
    change: 'deleteByTag, of a tag that only the loader knows',
    by: (other) => view(other).deleteByTag('t'),
    loaderTags: ['t'],
  },
  { change: 'clear', by: (other) => view(other).clear() },
]
const CHANGES: readonly Change[] = [
  ...IN_CLUSTER,
  { change: 'set', by: (other) => view(other).set('k', 'set'), left: 'set' },
  { change: 'set, tagged', by: (other) => view(other).set('k', 'set', { tags: ['t'] }), tags: ['t'], left: 'set' },
  { change: 'expire', by: (other) => view(other).expire('k') },
  { change: 'deleteByTag of one tag among several', by: (other) => view(other).deleteByTag('u'), tags: ['t', 'u'] },
  { change: 'deleteByTag in the wider view', by: ({ cache }) => cache.deleteByTag('t'), tags: ['t'] },
  {
    change: 'deleteByTag in the wider view, of a tag that only the loader knows',
    by: ({ cache }) => cache.deleteByTag('t'),
    loaderTags: ['t'],
  },
  { change: 'clear of the wider view', by: ({ cache }) => cache.clear() },
  { change: 'clear with purge', by: ({ cache }) => cache.clear({ purge: true }) },
  { change: 'a load that took over', by: takeOver, left: 'refreshed' },
]

async function takeOver(other: Process<object>): Promise<boolean> {
  return (await view(other).getOrSet('k', () => 'refreshed', { refresh: true })) === 'refreshed'
}

/** Nothing that began before a change is stored after it. */
async function expectFence(
  a: Process<object>,
  b: Process<object>,
  makeReader: () => Promise<Process<object>>,
  { by, tags = [], loaderTags, left }: Change,
  isWarm: boolean,
): Promise<void> {
  if (isWarm) {
    // Both know the generations, a's from a load and b's by its own reads.
    await view(a).getOrSet('other', () => 1, { tags })
    await view(b).get('other')
    await view(b).set('another', 1, { tags: loaderTags ?? tags })
  }
  const { load, run } = new HeldLoader<string>()
  const call = view(a).getOrSet(
    'k',
    async (context) => {
      const value = await load(context)
      return loaderTags === undefined ? value : entry(value, { tags: loaderTags })
    },
    { tags },
  )
  const { resolve } = await run(1)
  expect(await by(b)).toBe(true)
  resolve('old')
  expect(await call).toBe('old')
  expect(await view(await makeReader()).get('k')).toBe(left)
  expect(await view(b).get('k')).toBe(left)
  await until(async () => (await view(a).get('k')) === left, 'the change in the process that loaded')
}

describe.each([
  ['nothing is known yet', false],
  ['generations are known', true],
] as const)('a change elsewhere during a load, while %s: its value is not in Redis afterwards', (_, isWarm) => {
  test.each(CHANGES)('$change', async (change) => {
    const { name, a, b } = await twoOn(redis.server)
    await expectFence(a, b, () => processOn(redis.server, { name, memory: false }), change, isWarm)
  })

  test('deleteByTag between two loads of which only the loaders know the tag', async () => {
    const { name, a, b } = await twoOn(redis.server)
    if (isWarm) await a.cache.getOrSet('other', () => entry(1, { tags: ['t'] }))
    const { load, run } = new HeldLoader<string>()
    const tagged = async (context: Parameters<typeof load>[0]) => entry(await load(context), { tags: ['t'] })
    const first = a.cache.getOrSet('first', tagged)
    const one = await run(1)
    expect(await b.cache.deleteByTag('t')).toBe(true)
    // A load behind a fence that is believed to stand would not be stored.
    await hasHeard(a)
    const second = a.cache.getOrSet('second', tagged)
    const two = await run(2)
    two.resolve('after')
    expect(await second).toBe('after')
    one.resolve('before')
    expect(await first).toBe('before')
    expect(await inRedis(redis.server, name, 'first')).toBeUndefined()
    expect(await inRedis(redis.server, name, 'second')).toBe('after')
  })

  test('any of these during a batch: the others of the batch are stored', async () => {
    const { name, a, b } = await twoOn(redis.server)
    if (isWarm) await a.cache.setMany([['other', 1]], { tags: ['t'] })
    const { load, run } = new HeldBatchLoader()
    const call = a.cache.getOrSetMany(['x', 'y', 'z'], load)
    const { resolve } = await run(1)
    expect(await b.cache.delete('x')).toBe(true)
    expect(await b.cache.set('y', 'set')).toBe(true)
    resolve(['old', 'old', 'loaded'])
    expect(await call).toEqual(['old', 'old', 'loaded'])
    const reader = await processOn(redis.server, { name, memory: false })
    expect(await reader.cache.getMany(['x', 'y', 'z'])).toEqual([undefined, 'set', 'loaded'])
  })
})

test('a clear elsewhere during a load is seen where there is no channel, too', async () => {
  const admin = await connect(Client, redis.server)
  await admin.call('ACL', 'SETUSER', 'deaf', 'on', '>secret', '+@all', '-client|tracking', '~*', '&*')
  const name = freshName()
  const open = async (options: object) => makeCache({ name, redis: await connect(Client, redis.server, options) })
  const deaf = await open({ username: 'deaf', password: 'secret' })
  const other = await open({})
  await deaf.ready()
  const { load, run } = new HeldLoader<string>()
  const call = deaf.getOrSet('k', load)
  const { resolve } = await run(1)
  expect(await other.clear()).toBe(true)
  resolve('old')
  expect(await call).toBe('old')
  expect(deaf.peek('k')).toBeUndefined()
  expect(await deaf.get('k')).toBeUndefined()
})

describe('in a Redis Cluster', () => {
  const cluster = useCluster()

  test.each(IN_CLUSTER)('$change elsewhere during a load', async (change) => {
    const name = freshName()
    const a = await cluster.process({ name })
    const b = await cluster.process({ name })
    await expectFence(a, b, () => cluster.process({ name, memory: false }), change, false)
    await expectFence(a, b, () => cluster.process({ name, memory: false }), change, true)
  })

  test('one load for two processes, of keys on every master', async () => {
    const name = freshName()
    const a = await cluster.process({ name })
    const b = await cluster.process({ name })
    const keys = Array.from({ length: 12 }, (_, i) => `k${i}`)
    const { load, run, runs } = new HeldLoader<string>()
    const inA = keys.map((key) => a.cache.getOrSet(key, load))
    const last = await run(keys.length)
    const inB = b.cache.getOrSetMany(keys, unexpected)
    await waits(b)
    for (const { context, resolve } of runs) resolve(context.key)
    expect(await inB).toEqual(keys)
    expect(await Promise.all(inA)).toEqual(keys)
    expect(last).toBe(runs.at(-1))
    const left = await Promise.all(b.client.nodes('master').map((node) => node.keys(`${name}:l:*`)))
    expect(left.flat()).toEqual([])
  })
})

describe('a Redis that takes no leases', () => {
  test('full: the loader runs, and it is counted', async () => {
    const server = await ownRedis()
    const { a, b } = await twoOn(server)
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    expect(await a.cache.getOrSet('k', () => 'from a')).toBe('from a')
    expect(await b.cache.getOrSet('k', () => 'from b')).toBe('from b')
    const metrics = await a.metrics()
    expect(metrics.sum('redis_cache_errors_total', { operation: 'lease', error_type: 'oom' })).toBe(1)
    expect(a.cache.stats().circuit).toBe('closed')
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    expect(await a.cache.getOrSet('k', () => 'again')).toBe('again')
    expect(await b.cache.getOrSet('k', unexpected)).toBe('again')
    expect(await allKeys(await connect(Client, server))).toEqual([
      `${a.cache.name}:g:`,
      `${a.cache.name}:g:{}`,
      `${a.cache.name}:v:{k}`,
    ])
  })
})
