import { createServer, type Server } from 'node:net'
import { freePort } from '@otel-cache/test-servers'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Cache, RedisLike } from '../src/index.js'
import { makeCache, makeTimedCache } from './support/caches.js'
import { turn } from './support/fake-clock.js'
import { connect, IOREDIS, makeClient, ownRedis, type RedisClient, useRedis } from './support/redis.js'
import { stall } from './support/stall.js'
import { noUnhandledRejections } from './support/unhandled.js'
import { deferred, until } from './support/until.js'

noUnhandledRejections()

/** Every way to wait for Redis, with what a caller is owed when it does not answer. */
const CALLS: ReadonlyArray<readonly [string, (cache: Cache) => Promise<unknown>, unknown]> = [
  ['get', (cache) => cache.get('a'), undefined],
  ['getMany', (cache) => cache.getMany(['a', 'b']), [undefined, undefined]],
  ['getOrSet', (cache) => cache.getOrSet('a', () => 'loaded'), 'loaded'],
  ['getOrSet with refresh', (cache) => cache.getOrSet('r', () => 'loaded', { refresh: true }), 'loaded'],
  ['getOrSet in a namespace', (cache) => cache.namespace('n').getOrSet('a', async () => 'loaded'), 'loaded'],
  ['set', (cache) => cache.set('a', 1), false],
  ['set in a namespace', (cache) => cache.namespace('n').set('a', 1), false],
  ['set of no lifetime', (cache) => cache.set('a', 1, { ttl: 0 }), false],
  [
    'setMany',
    (cache) =>
      cache.setMany([
        ['a', 1],
        ['b', 1],
      ]),
    false,
  ],
  ['delete', (cache) => cache.delete('a'), false],
  ['deleteMany', (cache) => cache.deleteMany(['a', 'b']), false],
  ['clear', (cache) => cache.clear(), false],
  ['clear of a namespace', (cache) => cache.namespace('n').clear(), false],
  ['clear with purge', (cache) => cache.clear({ purge: true }), false],
  ['has', (cache) => cache.has('a'), false],
]

/** A server that takes connections and never says a word. */
async function silentServer(): Promise<{ port: number }> {
  const sockets = new Set<{ destroy(): void }>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port }
}

/** A client that is ready, and answers whatever it is asked with the same. */
function parrot(reply: unknown): RedisLike {
  const answer = async (): Promise<unknown> => reply
  return { status: 'ready', call: answer, callBuffer: answer, duplicate: () => parrot(reply), on() {}, off() {} }
}

// One such answer once was an unhandled rejection, and its key dead for the life of the process.
test.each([
  [null],
  [undefined],
  [0],
  [-1],
  ['OK'],
  [{}],
  [[]],
  [[null]],
  [[1, 2, 3, 4, 5, 6, 7]],
  [[[], [], []]],
  [Buffer.from('oc1')],
  [Symbol('reply')],
  [() => {}],
  [new Map()],
])('a client that answers everything with %o costs no caller its value, and no key its life', async (reply) => {
  for (const memory of [undefined, false] as const) {
    const cache = makeCache({ redis: parrot(reply), ...(memory === false && { memory }), staleIfError: 5_000 })
    const view = cache.namespace('n', { tags: ['t'] })
    for (let round = 0; round < 2; round++) {
      expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded')
      expect(await cache.getOrSet('k', () => 'again', { refresh: true })).toBe('again')
      await cache.delete('k')
      expect(await view.getOrSetMany(['a', 'b'], (keys) => [...keys])).toEqual(['a', 'b'])
      await view.clear({ purge: true })
      await view.deleteByTag('t')
      await view.set('a', 1)
      await view.expire('a')
      expect((await view.getMany(['x', 'y'])).length).toBe(2)
      await view.deleteMany(['a', 'b'])
      expect(await view.getOrSet('a', async () => 'loaded')).toBe('loaded')
      await cache.clear()
    }
    expect(await Promise.all([cache.getOrSet('k', () => 1), cache.getOrSet('k', () => 2)])).toEqual([1, 1])
  }
})

describe.each(IOREDIS)('a Redis that fails, $ioredis', ({ Client }) => {
  const shared = useRedis()

  describe('that hangs', () => {
    test('each call ends within redisTimeout, with what its caller is owed', { timeout: 30_000 }, async () => {
      const server = await ownRedis()
      const client = await connect(Client, server)
      const redisTimeout = 1_000
      const caches = CALLS.map(() => makeCache({ redis: client, redisTimeout }))
      for (const cache of caches) await cache.namespace('n').set('warm', 1)
      await server.kill('SIGSTOP')
      await Promise.all(
        CALLS.map(async ([name, call, owed], index) => {
          const started = performance.now()
          expect(await call(caches[index] as Cache), name).toEqual(owed)
          const took = performance.now() - started
          expect(took, name).toBeGreaterThan(redisTimeout - 50)
          // Generous, and still below two waits in a row.
          expect(took, name).toBeLessThan(redisTimeout * 2 - 100)
        }),
      )
      await server.kill('SIGCONT')
    })

    test.each(CALLS)(
      '%s waits exactly redisTimeout in all, and is counted once as timed out',
      async (name, call, owed) => {
        const server = await ownRedis()
        const { cache, clock } = makeTimedCache({ redis: await connect(Client, server) })
        await cache.set('warm', 1)
        await server.kill('SIGSTOP')
        let result: unknown = 'pending'
        const errors = cache.stats().errors
        const settled = call(cache).then((value) => {
          result = value
        })
        await clock.advance(99)
        expect(result).toBe('pending')
        await clock.advance(1)
        await settled
        expect(result).toEqual(owed)
        expect(cache.stats().errors - errors).toBe(name === 'has' ? 0 : 1)
        await cache.close()
        await clock.advance(100)
        expect(clock.pending).toBe(0)
        await server.kill('SIGCONT')
      },
    )

    test('the waits of one call share its redisTimeout, whatever time the loader takes', async () => {
      const server = await ownRedis()
      const { cache, clock } = makeTimedCache({ redis: await connect(Client, server) })
      await cache.set('warm', 1)
      const begun = deferred()
      const ended = deferred<string>()
      await server.kill('SIGSTOP')
      let result: string | undefined
      const call = cache.getOrSet('a', () => {
        begun.resolve()
        return ended.promise
      })
      call.then((value) => {
        result = value
      })
      await clock.advance(60)
      await server.kill('SIGCONT')
      await begun.promise
      await server.kill('SIGSTOP')
      await clock.advance(5_000)
      ended.resolve('loaded')
      await clock.advance(39)
      expect(result).toBeUndefined()
      await clock.advance(1)
      expect(await call).toBe('loaded')
      await server.kill('SIGCONT')
    })

    test('a load begun while Redis hangs is shared by all who ask meanwhile', async () => {
      const server = await ownRedis()
      const { cache, clock } = makeTimedCache({ redis: await connect(Client, server) })
      await cache.set('warm', 1)
      await server.kill('SIGSTOP')
      let loads = 0
      const load = async () => (loads += 1)
      const calls = Array.from({ length: 50 }, () => cache.getOrSet('a', load))
      await clock.advance(100)
      expect(new Set(await Promise.all(calls))).toEqual(new Set([1]))
      await server.kill('SIGCONT')
    })

    test('once it goes on it is used again', async () => {
      const server = await ownRedis()
      const cache = makeCache({ redis: await connect(Client, server), memory: false })
      await cache.set('a', 1)
      await server.kill('SIGSTOP')
      expect(await cache.get('a')).toBeUndefined()
      await server.kill('SIGCONT')
      await until(async () => (await cache.get('a')) === 1)
    })

    test('also one that has never said a word: first calls end within redisTimeout', async () => {
      const client = makeClient(Client, await silentServer())
      const redisTimeout = 1_000
      const cache = makeCache({ redis: client, redisTimeout })
      const started = performance.now()
      const results = await Promise.all(CALLS.map(([, call]) => call(cache)))
      expect(results).toEqual(CALLS.map(([, , owed]) => owed))
      expect(performance.now() - started).toBeLessThan(redisTimeout * 2 - 100)
      expect(cache.stats().errors).toBeGreaterThan(0)
    })

    test('close does not wait for it', async () => {
      const server = await ownRedis()
      const { cache } = makeTimedCache({ redis: await connect(Client, server) })
      await server.kill('SIGSTOP')
      const call = cache.get('a')
      expect(await cache.close()).toEqual({ unconfirmed: 0 })
      await server.kill('SIGCONT')
      expect(await call).toBeUndefined()
    })
  })

  describe('that is not there', () => {
    test('when the process starts: calls are quick, and loaders answer', async () => {
      const client = makeClient(Client, { port: await freePort() })
      const cache = makeCache({ redis: client, redisTimeout: 5_000 })
      const started = performance.now()
      const results = await Promise.all(CALLS.map(([, call]) => call(cache)))
      expect(results).toEqual(CALLS.map(([, , owed]) => owed))
      // The first attempt is refused at once: nobody waits for the second, let alone for the deadline.
      expect(performance.now() - started).toBeLessThan(2_500)
      expect(cache.stats().errors).toBeGreaterThan(0)
      const again = performance.now()
      expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded')
      expect(performance.now() - again).toBeLessThan(2_500)
    })

    test('when it comes later, it is used', async () => {
      const server = await ownRedis()
      await server.kill('SIGKILL')
      const cache = makeCache({ redis: makeClient(Client, server), memory: false })
      expect(await cache.set('a', 1)).toBe(false)
      await server.restart()
      await until(() => cache.set('a', 2), 'a confirmed set')
      expect(await cache.get('a')).toBe(2)
    })

    test.each(['SIGKILL', 'SIGTERM'] as const)('after %s in mid-flight, and after its return', async (signal) => {
      const server = await ownRedis()
      const cache = makeCache({ redis: await connect(Client, server), memory: false })
      await cache.set('a', 1)
      const flying = CALLS.map(([, call]) => call(cache))
      await server.kill(signal)
      for (const result of await Promise.allSettled(flying)) expect(result.status).toBe('fulfilled')
      for (const [name, call, owed] of CALLS) expect(await call(cache), name).toEqual(owed)
      expect(cache.stats().errors).toBeGreaterThan(0)
      await server.restart()
      await until(() => cache.set('a', 2), 'a confirmed set')
      expect(await cache.get('a')).toBe(2)
    })

    test('because the application has closed its client', async () => {
      const client = await connect(Client, shared.server)
      const cache = makeCache({ redis: client, redisTimeout: 5_000 })
      await cache.set('a', 1)
      await client.quit()
      const started = performance.now()
      expect(await cache.getOrSet('b', () => 'loaded')).toBe('loaded')
      expect(await cache.set('a', 2)).toBe(false)
      expect(performance.now() - started).toBeLessThan(2_500)
      expect(cache.stats().errors).toBeGreaterThanOrEqual(2)
    })
  })

  describe('that refuses', () => {
    interface Refusal {
      readonly refusal: string
      readonly args?: readonly string[]
      readonly refuse: (admin: RedisClient) => Promise<unknown>
      /** What still works. */
      readonly reads?: boolean
      readonly deletes?: boolean
    }

    const REFUSALS: readonly Refusal[] = [
      {
        refusal: 'everything: it is a Cluster without slots',
        args: ['--cluster-enabled', 'yes'],
        refuse: async () => {},
      },
      {
        refusal: 'keys: the user may not',
        refuse: (admin) => admin.call('ACL', 'SETUSER', 'default', 'resetkeys'),
      },
      {
        refusal: 'commands: the user may not',
        refuse: (admin) => admin.call('ACL', 'SETUSER', 'default', '-mget', '-get', '-evalsha', '-eval', '-del'),
      },
      {
        refusal: 'writes: it is a replica',
        refuse: async (admin) => admin.replicaof('127.0.0.1', 1),
        reads: true,
      },
      {
        refusal: 'stale reads: it is a replica without its master',
        args: ['--replica-serve-stale-data', 'no'],
        refuse: async (admin) => admin.replicaof('127.0.0.1', 1),
      },
      {
        refusal: 'writes: it is full',
        refuse: async (admin) => admin.config('SET', 'maxmemory', '1'),
        reads: true,
        deletes: true,
      },
      {
        refusal: 'unknown commands',
        args: ['--rename-command', 'MGET', '', '--rename-command', 'EVALSHA', '', '--rename-command', 'DEL', ''],
        refuse: async () => {},
      },
    ]

    test.each(REFUSALS)('$refusal', async ({ args = [], refuse, reads = false, deletes = false }) => {
      const server = await ownRedis(...args)
      const client = await connect(Client, server)
      const cache = makeCache({ redis: client, redisTimeout: 5_000, memory: false })
      await cache.set('a', 'kept')
      await refuse(client)
      expect(await cache.get('a')).toBe(reads ? 'kept' : undefined)
      expect(await cache.getOrSet('b', () => 'loaded')).toBe('loaded')
      expect(await cache.set('a', 'new')).toBe(false)
      expect(await cache.setMany([['a', 'new']])).toBe(false)
      expect(await cache.delete('c')).toBe(deletes)
      expect(await cache.clear()).toBe(deletes)
      expect(cache.stats().errors).toBeGreaterThan(2)
    })
  })

  describe('an event loop that stalls is no fault of Redis', () => {
    type Stalled = readonly [string, (cache: Cache) => Promise<unknown>, unknown]
    const STALLED: readonly Stalled[] = [
      ['get', (cache) => cache.get('a'), 1],
      ['getMany', (cache) => cache.getMany(['a', 'big']), [1, 'x'.repeat(60_000)]],
      ['getOrSet', (cache) => cache.getOrSet('a', () => 'loaded'), 1],
      ['has', (cache) => cache.has('a'), true],
      ['set', (cache) => cache.set('b', 1), true],
      [
        'setMany',
        (cache) =>
          cache.setMany([
            ['b', 1],
            ['c', 1],
          ]),
        true,
      ],
      ['delete', (cache) => cache.delete('c'), true],
      ['clear', (cache) => cache.clear(), true],
    ]

    test.each(STALLED)('%s is answered after 150 ms of it', async (_, call, expected) => {
      const cache = makeCache({ redis: await connect(Client, shared.server), memory: false })
      await until(() =>
        cache.setMany([
          ['a', 1],
          ['big', 'x'.repeat(60_000)],
        ]),
      )
      const { errors } = cache.stats()
      const result = call(cache)
      stall(150)
      expect(await result).toEqual(expected)
      expect(cache.stats().errors).toBe(errors)
    })

    test('and so it is after each of many, also of those that end just when the deadline has passed', async () => {
      const redisTimeout = 250
      const cache = makeCache({ redis: await connect(Client, shared.server), memory: false, redisTimeout })
      await until(() => cache.set('a', 1))
      const { errors } = cache.stats()
      for (let late = 1; late <= 8; late++) {
        const found = Promise.all([cache.get('a'), cache.get('a')])
        stall(redisTimeout + late * 2)
        expect(await found).toEqual([1, 1])
      }
      expect(cache.stats().errors).toBe(errors)
    })

    test('also with a client that sends what it is given a turn later', async () => {
      const client = await connect(Client, shared.server, { enableAutoPipelining: true })
      const cache = makeCache({ redis: client, memory: false })
      await until(() => cache.set('a', 1))
      const { errors } = cache.stats()
      const found = cache.get('a')
      stall(150)
      expect(await found).toBe(1)
      expect(cache.stats().errors).toBe(errors)
    })
  })

  test('a thousand calls during an outage leave nothing pending', async () => {
    const server = await ownRedis()
    const { cache, clock } = makeTimedCache({ redis: await connect(Client, server) })
    await server.kill('SIGSTOP')
    const calls = Array.from({ length: 1_000 }, (_, index) => cache.getOrSet(`key-${index}`, () => index))
    await clock.advance(100)
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 1_000 }, (_, index) => index))
    expect(cache.stats().entries).toBe(0)
    await cache.close()
    await clock.advance(100)
    expect(clock.pending).toBe(0)
    await server.kill('SIGCONT')
    await turn()
  })
})
