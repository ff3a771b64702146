import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DiagLogLevel, diag } from '@opentelemetry/api'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Cache, type CacheView, createCache } from '../../src/index.js'
import { unexpected } from '../read-through/support/loads.js'
import { freshName, makeCache } from '../support/caches.js'
import { connect, IOREDIS, makeClient, ownRedis, type RedisClient, useRedis } from '../support/redis.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { until } from '../support/until.js'
import { type Process, processOn, twoOn, useCluster } from './support/fleet.js'

noUnhandledRejections()

const redis = useRedis()
const [{ Client }] = IOREDIS

/** What the channel has named so far. */
async function heard({ metrics }: Process<object>): Promise<number> {
  return (await metrics()).sum('redis_cache_invalidations_total') ?? Number.NaN
}

async function bypassed({ metrics }: Process<object>): Promise<number> {
  return (await metrics()).sum('redis_cache_bypassed_total') ?? Number.NaN
}

/** How often Redis was asked for a value. */
function reads({ spy }: Process): number {
  return spy.count('get') + spy.count('mget')
}

/** Memory has it: also where what told of its writing comes after it has been read first. */
async function holds(view: CacheView, key: string, value: unknown): Promise<void> {
  await until(async () => (await view.get(key)) === value && view.peek(key) === value, `memory to hold ${key}`)
}

/** Time that passes in any case, such as a proof's. */
async function after(ms: number): Promise<void> {
  const started = performance.now()
  await until(() => performance.now() - started > ms)
}

describe('a change elsewhere reaches memory', () => {
  const CHANGES: ReadonlyArray<readonly [string, (b: Process, name: string) => Promise<unknown>]> = [
    ['set', ({ cache }) => cache.set('k', 'new')],
    ['delete', ({ cache }) => cache.delete('k')],
    ['expire', ({ cache }) => cache.expire('k')],
    ['deleteByTag', ({ cache }) => cache.deleteByTag('t')],
    ['clear', ({ cache }) => cache.clear()],
    ['clear with purge', ({ cache }) => cache.clear({ purge: true })],
    ['a load', ({ cache }) => cache.getOrSet('k', () => 'new', { refresh: true })],
    ["another client's SET", ({ client }, name) => client.set(`${name}:v:{k}`, 'nonsense')],
    ["another client's DEL", ({ client }, name) => client.del(`${name}:v:{k}`)],
    ["another client's RENAME", ({ client }, name) => client.rename(`${name}:v:{k}`, `${name}:x`)],
    [
      'an expiry',
      async ({ client }, name) => {
        await client.pexpire(`${name}:v:{k}`, 1)
        await until(async () => (await client.exists(`${name}:v:{k}`)) === 0)
      },
    ],
  ]

  test.each(CHANGES)('%s', async (_, change) => {
    // Long: what is seen is not the end of its own proof.
    const { name, a, b } = await twoOn(redis.server, { maxStaleness: 3_600_000 })
    await b.cache.set('k', 'old', { tags: ['t'] })
    await holds(a.cache, 'k', 'old')
    await change(b, name)
    await until(() => a.cache.peek('k') === undefined)
    expect(await a.cache.get('k')).toBe(await b.cache.get('k'))
  })

  test('FLUSHALL', async () => {
    const server = await ownRedis()
    const { a, b } = await twoOn(server, { maxStaleness: 3_600_000 })
    const keys = ['x', 'y', 'z']
    await b.cache.setMany(keys.map((key) => [key, key]))
    expect(await a.cache.getMany(keys)).toEqual(keys)
    await b.client.flushall()
    await until(() => [a, b].every(({ cache }) => cache.stats().entries === 0))
    expect(await a.cache.getMany(keys)).toEqual([undefined, undefined, undefined])
    expect(await b.cache.set('x', 'again')).toBe(true)
    expect(await a.cache.get('x')).toBe('again')
  })

  test('of the widest view, of a namespace in it, and of neither else', async () => {
    const { a, b } = await twoOn(redis.server, { maxStaleness: 3_600_000 })
    const views = ({ cache }: Process) => [cache, cache.namespace('n'), cache.namespace('n').namespace('m')]
    for (const view of views(b)) await view.set('k', 'v')
    for (const view of views(a)) await holds(view, 'k', 'v')
    const held = (): ReadonlyArray<unknown> => views(a).map((view) => view.peek('k'))
    await b.cache.namespace('n').delete('k')
    await until(() => held()[1] === undefined)
    expect(held()).toEqual(['v', undefined, 'v'])
    await b.cache.namespace('n').clear()
    await until(() => held()[2] === undefined)
    expect(held()).toEqual(['v', undefined, undefined])
    await b.cache.clear()
    await until(() => held()[0] === undefined)
  })

  const KEYS = [
    '%',
    '%7d',
    '}',
    '}{',
    '{',
    '{tag}k',
    '\0',
    '\0{k',
    ':',
    '*',
    'g:',
    'é',
    '🦊',
    ' ',
    '\r\n',
    'k'.repeat(512),
  ]

  test.each([
    ['', {}, {}],
    [' with a version', { version: '1.2:{x}' }, {}],
    [" with the client's own prefix", {}, { keyPrefix: 'app*:' }],
    [' with a prefix of its own', { keyPrefix: `own-${freshName()}{x}*` }, {}],
  ] as const)('of keys with any characters%s', async (_, options, clientOptions) => {
    const name = freshName()
    const makeProcess = async () => {
      const client = await connect(Client, redis.server, clientOptions)
      const cache = makeCache({ name, redis: client, redisTimeout: 10_000, maxStaleness: 3_600_000, ...options })
      await cache.ready()
      return cache
    }
    const [a, b] = [await makeProcess(), await makeProcess()]
    const views = [(cache: typeof a) => cache, (cache: typeof a) => cache.namespace('{n}:%')]
    for (const view of views) {
      await view(b).setMany(KEYS.map((key) => [key, key]))
      expect(await view(a).getMany(KEYS)).toEqual(KEYS)
      for (const key of KEYS) {
        await holds(view(a), key, key)
        await view(b).delete(key)
        await until(() => view(a).peek(key) === undefined, JSON.stringify(key))
      }
    }
  })
})

describe('an invalidation that overtakes a reply', () => {
  const isGet = ([command]: readonly string[]): boolean => command === 'get'

  test('of a read: what was read is not kept', async () => {
    const { a, b } = await twoOn(redis.server, { maxStaleness: 3_600_000 })
    await b.cache.set('k', 'old')
    await until(async () => (await heard(a)) > 0)
    await a.cache.get('another')
    const before = await heard(a)
    const release = a.spy.hold(isGet)
    const read = a.cache.get('k')
    await until(() => a.spy.held === 1)
    await b.cache.set('k', 'new')
    await until(async () => (await heard(a)) > before)
    release()
    expect(await read).toBeOneOf(['old', 'new'])
    expect(a.cache.peek('k')).not.toBe('old')
    expect(await a.cache.get('k')).toBe('new')
  })

  test('of a write: what was written is not believed', async () => {
    const { a, b } = await twoOn(redis.server, { maxStaleness: 3_600_000 })
    await a.cache.set('k', 'first')
    await until(async () => (await heard(a)) >= 2)
    const before = await heard(a)
    const release = a.spy.hold(([command]) => command === 'evalsha')
    const write = a.cache.set('k', 'mine')
    await until(() => a.spy.held === 1)
    await b.cache.set('k', 'theirs')
    await until(async () => (await heard(a)) >= before + 2)
    release()
    expect(await write).toBe(true)
    expect(await a.cache.get('k')).toBe('theirs')
  })
})

describe('what this process wrote', () => {
  test('is served through its echo, and verified once', async () => {
    const { a } = await twoOn(redis.server, { maxStaleness: 3_600_000 })
    await a.cache.set('another', 1)
    await until(async () => (await heard(a)) >= 2)
    const before = await heard(a)
    expect(await a.cache.set('k', 'mine')).toBe(true)
    expect(a.cache.peek('k')).toBe('mine')
    await until(async () => {
      expect(a.cache.peek('k')).toBe('mine')
      return (await heard(a)) > before
    })
    const asked = reads(a)
    for (let i = 0; i < 10; i++) expect(await a.cache.get('k')).toBe('mine')
    expect(a.cache.stats().hits).toEqual({ memory: 10, redis: 0 })
    await until(() => reads(a) > asked)
    for (let i = 0; i < 10; i++) expect(await a.cache.get('k')).toBe('mine')
    expect(reads(a)).toBe(asked + 1)
  })

  test('and another has changed since, is verified', async () => {
    const { a, b } = await twoOn(redis.server)
    for (let round = 0; round < 20; round++) {
      await a.cache.set('k', `mine ${round}`)
      await b.cache.set('k', `theirs ${round}`)
      await until(async () => (await a.cache.get('k')) === `theirs ${round}`)
    }
  })

  test('and deleted: this process sees it at once', async () => {
    const { a } = await twoOn(redis.server)
    for (let round = 0; round < 20; round++) {
      await a.cache.set('k', round)
      expect(await a.cache.get('k')).toBe(round)
      await a.cache.delete('k')
      expect(await a.cache.get('k')).toBeUndefined()
    }
  })
})

describe('an entry is believed', () => {
  test('beyond maxStaleness, by the channel, without asking Redis', async () => {
    const { a, b } = await twoOn(redis.server, { maxStaleness: 200 })
    await b.cache.set('k', 'v')
    await holds(a.cache, 'k', 'v')
    const asked = a.spy.answered.length
    await after(1_000)
    // A machine that stalls may be late with a proof; the next one restores trust.
    await until(() => a.cache.peek('k') === 'v')
    expect(a.spy.answered.length).toBe(asked)
    await b.cache.set('k', 'new')
    await until(() => a.cache.peek('k') === undefined)
  })

  test('not longer than maxStaleness once Redis hangs', async () => {
    const server = await ownRedis()
    const { a, b } = await twoOn(server, { maxStaleness: 300, redisTimeout: 100 })
    await until(() => b.cache.set('k', 'v'))
    await holds(a.cache, 'k', 'v')
    await after(400)
    await until(() => a.cache.peek('k') === 'v')
    await server.kill('SIGSTOP')
    const stopped = performance.now()
    let last = stopped
    while (performance.now() - stopped < 1_500) {
      const at = performance.now()
      if ((await a.cache.get('k')) === 'v') last = at
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(last - stopped).toBeLessThan(600)
    expect(a.cache.stats().proofAge).toBeGreaterThan(1_000)
    await server.kill('SIGCONT')
    await until(async () => (await a.cache.get('k')) === 'v')
    await until(() => (a.cache.stats().proofAge ?? 0) < 300)
  })

  test('as its channel breaks: it is verified as asked for, and the channel comes back', async () => {
    const server = await ownRedis()
    const { a, b } = await twoOn(server, { maxStaleness: 200 })
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
    await b.cache.setMany(keys.map((key) => [key, key]))
    for (const key of keys) await holds(a.cache, key, key)
    await after(300)
    await until(() => a.cache.peek('k0') === 'k0')
    const { evictions } = a.cache.stats()
    await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until(() => a.cache.peek('k0') === undefined)
    await until(async () => String(await server.command('CLIENT', 'LIST', 'TYPE', 'pubsub')).includes('sub='))
    await until(() => (a.cache.stats().proofAge ?? 0) < 200)
    expect(a.cache.stats()).toMatchObject({ entries: 20, evictions })
    const asked = reads(a)
    expect(await a.cache.get('k0')).toBe('k0')
    expect(reads(a)).toBeGreaterThan(asked)
    expect(a.cache.peek('k1')).toBeUndefined()
    expect(a.cache.stats()).toMatchObject({ entries: 20, evictions, errors: 1 })
    expect((await a.metrics()).sum('redis_cache_errors_total', { operation: 'channel' })).toBe(1)
    // Believed beyond its own proof once more, and heard of.
    await until(async () => {
      await a.cache.get('k0')
      await after(300)
      return a.cache.peek('k0') === 'k0'
    })
    await b.cache.delete('k0')
    await until(() => a.cache.peek('k0') === undefined)
  })

  test('where there is no channel, for maxStaleness, which is told once', async () => {
    const server = await ownRedis()
    await server.command('ACL', 'SETUSER', 'default', '-client|tracking')
    const warnings: string[] = []
    const silent = (): void => {}
    const warn = (message: string): void => void warnings.push(message)
    diag.setLogger({ warn, error: silent, info: silent, debug: silent, verbose: silent }, DiagLogLevel.WARN)
    onTestFinished(() => diag.disable())
    const a = await processOn(server, { name: freshName(), maxStaleness: 100 })
    const second = makeCache({ redis: a.client, redisTimeout: 10_000, maxStaleness: 100 })
    await second.ready()
    expect(warnings).toEqual([expect.stringMatching(/no invalidation channel .*\[OTEL_CACHE_NO_CHANNEL\]$/)])
    const b = await processOn(server, { name: a.cache.name, maxStaleness: 100 })
    await b.cache.set('k', 'old')
    expect(await a.cache.get('k')).toBe('old')
    await b.cache.set('k', 'new')
    const changed = performance.now()
    await until(async () => (await a.cache.get('k')) === 'new')
    expect(performance.now() - changed).toBeLessThan(1_500)
    await until(() => a.cache.peek('k') === undefined)
    expect((await a.metrics()).sum('redis_cache_errors_total')).toBe(0)
    // And loads are still one for the fleet.
    const calls = [a, b].map(({ cache }) => cache.getOrSet('cold', () => after(50).then(() => cache.name)))
    await Promise.all(calls)
    expect(a.cache.stats().loads + b.cache.stats().loads).toBe(1)
  })
})

describe('caches that share a client share its channel', () => {
  test('one that comes later hears as well, and the first goes on', async () => {
    const names = [freshName(), freshName()] as const
    const client = await connect(Client, redis.server)
    const options = { redis: client, redisTimeout: 10_000, maxStaleness: 3_600_000 }
    const writers = await Promise.all(names.map((name) => processOn(redis.server, { name })))
    const caches: Cache[] = []
    for (const name of names) {
      const cache = makeCache({ ...options, name })
      await cache.ready()
      caches.push(cache)
    }
    for (const [i, { cache }] of writers.entries()) {
      await cache.set('k', 'old')
      await holds(caches[i] as Cache, 'k', 'old')
      await cache.set('k', 'new')
      await until(() => caches[i]?.peek('k') === undefined)
      await holds(caches[i] as Cache, 'k', 'new')
    }
    await caches[0]?.close()
    await writers[1]?.cache.delete('k')
    await until(() => caches[1]?.peek('k') === undefined)
  })

  test('a prefix that begins with another one: both hear, each its own', async () => {
    const name = freshName()
    const client = await connect(Client, redis.server)
    const options = { redis: client, redisTimeout: 10_000, maxStaleness: 3_600_000, name }
    const [wide, narrow] = [
      makeCache({ ...options, keyPrefix: `${name}:` }),
      makeCache({ ...options, keyPrefix: `${name}:v:` }),
    ]
    await Promise.all([wide.ready(), narrow.ready()])
    const writer = await connect(Client, redis.server)
    for (const cache of [wide, narrow]) await cache.set('k', 1)
    for (const cache of [wide, narrow]) await cache.get('k')
    await writer.del(`${name}:v:v:{k}`)
    await until(async () => (await narrow.get('k')) === undefined)
    expect(await wide.get('k')).toBe(1)
    await writer.del(`${name}:v:{k}`)
    await until(async () => (await wide.get('k')) === undefined)
  })

  test('close() leaves no connection and no listener', async () => {
    const server = await ownRedis()
    const client = await connect(Client, server)
    const connections = async (): Promise<number> =>
      String(await client.call('client', 'list'))
        .trim()
        .split('\n').length
    const listeners = (one: RedisClient): number =>
      one.eventNames().reduce((sum, event) => sum + one.listenerCount(event), 0)
    const before = { connections: await connections(), listeners: listeners(client) }
    const caches = [1, 2].map(() => createCache({ name: freshName(), redis: client, redisTimeout: 10_000 }))
    for (const cache of caches) await cache.ready()
    await until(async () => (await connections()) === before.connections + 1)
    for (const cache of caches) await cache.close()
    await until(async () => (await connections()) === before.connections)
    expect(listeners(client)).toBe(before.listeners)
    // Also while it is being connected.
    const hasty = createCache({ name: freshName(), redis: client })
    await Promise.resolve()
    await hasty.close()
    const other = makeClient(Client, server)
    const early = createCache({ name: freshName(), redis: other })
    await early.close()
    await until(() => other.status === 'ready')
    await until(async () => (await connections()) === before.connections + 1)
  })

  test('nothing of it keeps a process alive whose client has quit', { timeout: 60_000 }, async () => {
    const run = promisify(execFile)
    const core = fileURLToPath(new URL('../..', import.meta.url))
    const source = 'test/coherence/support/forgetful-process'
    const built = await mkdtemp(join(core, 'node_modules/.cache-coherence-'))
    onTestFinished(() => rm(built, { recursive: true, force: true }))
    const options = ['--ignoreConfig', '--noCheck', '--rootDir', core, '--outDir', built, '--types', 'node']
    const target = ['--module', 'nodenext', '--target', 'es2022']
    await run(join(core, 'node_modules/.bin/tsc'), [...options, ...target, join(core, `${source}.ts`)])
    const args = [join(built, `${source}.js`), String(redis.server.port)]
    const { stdout } = await run(process.execPath, args, { timeout: 20_000 })
    expect(JSON.parse(stdout)).toEqual({ isSet: true, value: 2 })
  })
})

describe('what it costs, and what it tells', () => {
  test('a tagged read is one GET once its generations are known', async () => {
    const { a, b } = await twoOn(redis.server, { tags: ['t', 'u'] })
    const views = ({ cache }: Process) => cache.namespace('n')
    for (const key of ['x', 'y', 'z']) await views(b).set(key, key, { tags: ['t', 'u'] })
    expect(await views(a).get('x')).toBe('x')
    const before = a.spy.answered.length
    expect(await views(a).get('y')).toBe('y')
    expect(a.spy.answered.slice(before).map(([command, ...args]) => [command, args.length])).toEqual([['get', 1]])
    // Known, and kept right.
    await b.cache.deleteByTag('u')
    await until(() => views(a).peek('y') === undefined)
    expect(await views(a).get('z')).toBeUndefined()
  })

  test('each key that was named is counted, and the proof has an age', async () => {
    const { a, b } = await twoOn(redis.server)
    await b.cache.set('first', 1)
    // The value and the widest generation.
    await until(async () => (await heard(a)) === 2)
    await b.cache.setMany(['v', 'w', 'x', 'y', 'z'].map((key) => [key, key]))
    await b.cache.delete('v')
    await b.cache.set('last', 1)
    await until(async () => (await heard(a)) >= 9 && (await heard(b)) >= 9)
    expect([await heard(a), await heard(b)]).toEqual([9, 9])
    const age = (await a.metrics()).sum('redis_cache_proof_age_seconds') ?? Number.NaN
    expect(age).toBeGreaterThanOrEqual(0)
    await until(() => (a.cache.stats().proofAge ?? Number.NaN) < 1_000)
    expect(makeCache().stats().proofAge).toBeUndefined()
  })

  test('200,000 keys that are changed at once are heard, and do not break the channel', async () => {
    const a = await processOn(redis.server, { name: freshName() })
    const script = `for i = 1, 20000 do redis.call('SET', '${a.cache.name}:v:{a key of some length ' .. ARGV[1] .. i .. '}', 'x') end`
    // One script of them all would hold Redis up for longer than a PING may take on a busy machine.
    for (let part = 0; part < 10; part++) await redis.server.command('EVAL', script, '0', `${part}:`)
    const lost = async (): Promise<number | undefined> =>
      (await a.metrics()).sum('redis_cache_errors_total', { operation: 'channel' })
    await until(async () => (await heard(a)) === 200_000 || (await lost()) !== 0)
    expect(await lost()).toBe(0)
  })

  test('memory steps aside for what is only changed elsewhere, and comes back when it is read', async () => {
    const { a, b } = await twoOn(redis.server, { maxStaleness: 3_600_000 })
    let round = 0
    const change = async (): Promise<void> => {
      const before = await heard(a)
      round += 1
      await b.cache.set('k', round)
      await until(async () => (await heard(a)) > before)
    }
    await change()
    while ((await bypassed(a)) === 0) {
      expect(round).toBeLessThan(10)
      expect(await a.cache.get('k')).toBe(round)
      await change()
    }
    // It tries again now and then, and is read this time.
    await until(async () => (await a.cache.get('k')) === round && a.cache.peek('k') === round)
    expect(await a.cache.get('k')).toBe(round)
    await change()
    const before = await bypassed(a)
    await holds(a.cache, 'k', round)
    expect(await bypassed(a)).toBe(before)
    // Others were never concerned.
    await b.cache.set('other', 1)
    expect(await a.cache.getOrSet('other', unexpected)).toBe(1)
    await holds(a.cache, 'other', 1)
  })
})

describe('in a Redis Cluster', () => {
  const cluster = useCluster()

  // What has ended was verified, and dropped by that where it fails at once; its slot was then served, and lost to the others.
  test('what has ended is not served while it is asked for, with the breaker open', async () => {
    const tags = ['t']
    const process = await cluster.process({ name: freshName(), maxStaleness: 60_000, memory: { maxEntries: 2 } })
    const { cache, client } = process
    await cache.set('first', 1, { tags })
    await until(async () => (await heard(process)) > 0, 'the first echo')
    await holds(cache, 'first', 1)
    const before = await heard(process)
    await cache.set('k', 'v', { tags })
    await until(async () => (await heard(process)) > before, 'the echo')
    client.disconnect()
    await until(async () => {
      await cache.get('absent')
      return cache.stats().circuit !== 'closed'
    }, 'the breaker to open')
    expect(await cache.deleteByTag('t')).toBe(false)
    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded')
  })

  test('writes on every master are heard, and no connection is left', async () => {
    const name = freshName()
    const a = await cluster.process({ name, maxStaleness: 3_600_000 })
    const b = await cluster.process({ name, maxStaleness: 3_600_000 })
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`)
    await b.cache.setMany(
      keys.map((key) => [key, key]),
      { tags: ['t'] },
    )
    const masters = b.client.nodes('master')
    const stored = await Promise.all(masters.map((node) => node.keys(`${name}:v:*`)))
    expect(stored.map((list) => list.length > 0)).toEqual([true, true, true])
    for (const key of keys) await holds(a.cache, key, key)
    await b.cache.deleteMany(keys.slice(0, 20))
    await until(() => keys.slice(0, 20).every((key) => a.cache.peek(key) === undefined))
    expect(keys.slice(20).map((key) => a.cache.peek(key))).toEqual(keys.slice(20))
    await b.cache.deleteByTag('t')
    await until(() => keys.every((key) => a.cache.peek(key) === undefined))
    await Promise.all([a.cache.close(), b.cache.close()])
    await until(async () => {
      const lists = await Promise.all(masters.map((node) => node.call('client', 'list', 'type', 'pubsub')))
      return lists.every((list) => !String(list).includes('sub=1'))
    })
  })
})
