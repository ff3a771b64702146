import { beginSlotMove, type SlotMove } from '@otel-cache/test-servers'
import { describe, expect, test } from 'vitest'
import type { Cache, CacheOptions } from '../../src/index.js'
import { CLAIM, STORE_VALUE } from '../../src/redis/scripts.js'
import { HeldLoader, unexpected } from '../read-through/support/loads.js'
import { freshName } from '../support/caches.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { until } from '../support/until.js'
import { useCluster } from './support/fleet.js'

noUnhandledRejections()

const cluster = useCluster()

/** Half of it passes until a command is known to have been refused. */
const options = { memory: false, redisTimeout: 800 } satisfies Partial<CacheOptions>

const valueName = (name: string, key: string) => `${name}:v:{${key}}`
const leaseName = (name: string, key: string) => `${name}:l:{${key}}`

async function begin(name: string, key = 'k'): Promise<SlotMove> {
  return beginSlotMove(cluster.servers, valueName(name, key))
}

describe('while a slot is moving', () => {
  const places: ReadonlyArray<[where: string, prepare: (cache: Cache, name: string) => Promise<SlotMove>]> = [
    [
      'the value still where it was',
      async (cache, name) => {
        await cache.set('k', 'first')
        return begin(name)
      },
    ],
    [
      'the value moved already',
      async (cache, name) => {
        await cache.set('k', 'first')
        const move = await begin(name)
        await move.migrate()
        return move
      },
    ],
  ]

  test.each(places)('everything works, %s', async (_, prepare) => {
    const name = freshName()
    const { cache, metrics } = await cluster.process({ ...options, name })
    const move = await prepare(cache, name)
    expect(await cache.get('k')).toBe('first')
    expect(await cache.getOrSet('k', unexpected)).toBe('first')
    expect(await cache.set('k', 'second')).toBe(true)
    expect(await cache.get('k')).toBe('second')
    expect(await cache.expire('k')).toBe(true)
    expect(await cache.getOrSet('k', () => 'third')).toBe('third')
    expect(await cache.delete('k')).toBe(true)
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.getOrSet('k', () => 'fourth')).toBe('fourth')
    expect(await cache.getOrSet('k', unexpected)).toBe('fourth')
    await move.finish()
    expect(await cache.getOrSet('k', unexpected)).toBe('fourth')
    expect(await cache.delete('k')).toBe(true)
    expect(await cache.getOrSet('k', () => 'fifth')).toBe('fifth')
    expect((await metrics()).sum('redis_cache_errors_total')).toBe(0)
    expect(cache.stats()).toMatchObject({ errors: 0, unconfirmed: 0, circuit: 'closed' })
  })

  test.each(['set', 'delete', 'expire', 'getOrSet'] as const)('the first to find out may be a %s', async (first) => {
    const name = freshName()
    const { cache } = await cluster.process({ ...options, name })
    await cache.set('k', 'first')
    const move = await begin(name)
    const calls = {
      set: () => cache.set('k', 'second'),
      delete: () => cache.delete('k'),
      expire: () => cache.expire('k'),
      getOrSet: () => cache.getOrSet('k', unexpected),
    }
    expect(await calls[first]()).toBe(first === 'getOrSet' ? 'first' : true)
    const left = { set: 'second', delete: undefined, expire: undefined, getOrSet: 'first' }[first]
    expect(await cache.get('k')).toBe(left)
    await move.finish()
    expect(await cache.get('k')).toBe(left)
  })

  test('two processes share one load', async () => {
    const name = freshName()
    const a = await cluster.process({ ...options, name })
    const b = await cluster.process({ ...options, name })
    const move = await begin(name)
    const { load, run, runs } = new HeldLoader<string>()
    const inA = a.cache.getOrSet('k', load)
    const { resolve } = await run(1)
    const inB = b.cache.getOrSet('k', unexpected)
    await until(async () => (await a.client.exists(leaseName(name, 'k'))) === 1, 'the lease')
    await until(() => b.spy.answered.length > 1, 'a waiter')
    resolve('v')
    expect(await Promise.all([inA, inB])).toEqual(['v', 'v'])
    expect(runs).toHaveLength(1)
    await move.finish()
    expect(await b.cache.getOrSet('k', unexpected)).toBe('v')
  })

  // The lease has gone before the value: a change that only looked beside the value would leave it standing.
  test.each(['set', 'delete', 'expire'] as const)('a %s fences a load whose lease has moved', async (change) => {
    const name = freshName()
    const loading = await cluster.process({ ...options, name })
    const changing = await cluster.process({ ...options, name })
    const lifetime = { ttl: 60_000, staleIfError: 60_000 }
    await loading.cache.set('k', 'first', lifetime)
    await loading.cache.expire('k')
    const { load, run } = new HeldLoader<string>()
    const loaded = loading.cache.getOrSet('k', load, lifetime)
    const { resolve } = await run(1)
    const move = await begin(name)
    await move.migrate(leaseName(name, 'k'))
    const calls = {
      set: () => changing.cache.set('k', 'second'),
      delete: () => changing.cache.delete('k'),
      expire: () => changing.cache.expire('k'),
    }
    expect(await calls[change]()).toBe(true)
    await move.migrate()
    resolve('too old')
    expect(await loaded).toBe('too old')
    await move.finish()
    const after = await cluster.process({ ...options, name })
    expect(await after.cache.get('k')).toBe(change === 'set' ? 'second' : undefined)
  })

  test("a delete fences a load under a client's own prefix", async () => {
    const name = freshName()
    const keyPrefix = 'own:'
    const loading = await cluster.process({ ...options, name }, { keyPrefix })
    const deleting = await cluster.process({ ...options, name }, { keyPrefix })
    const move = await beginSlotMove(cluster.servers, keyPrefix + valueName(name, 'k'))
    const { load, run } = new HeldLoader<string>()
    const loaded = loading.cache.getOrSet('k', load)
    const { resolve } = await run(1)
    expect(await deleting.cache.delete('k')).toBe(true)
    resolve('too old')
    await loaded
    expect(await deleting.cache.get('k')).toBeUndefined()
    await move.finish()
    expect(await deleting.cache.get('k')).toBeUndefined()
  })

  // ioredis tries the claim that was refused again, and is heard once the slot has moved.
  test('a claim that comes late does not take back a lease that a delete has ended', async () => {
    const name = freshName()
    const loading = await cluster.process({ ...options, name }, { maxRedirections: 100 })
    // What it deletes is not tried again for long: that would end the lease once more.
    const impatient = { retryDelayOnTryAgain: 1, maxRedirections: 4 }
    const deleting = await cluster.process({ ...options, name }, impatient)
    await loading.cache.set('warm', 'v')
    const move = await begin(name)
    const { load, run } = new HeldLoader<string>()
    const loaded = loading.cache.getOrSet('k', load)
    const { resolve } = await run(1)
    expect(await deleting.cache.delete('k')).toBe(true)
    expect(loading.spy.count(CLAIM)).toBe(0)
    await move.finish()
    await until(() => loading.spy.count(CLAIM) === 1, 'the late claim')
    resolve('too old')
    expect(await loaded).toBe('too old')
    expect(await deleting.cache.get('k')).toBeUndefined()
  })

  // A second lease beside the value would be there when the first one is to move: BUSYKEY, and nothing moves any more.
  test('who comes later waits for a lease that has not moved yet', async () => {
    const name = freshName()
    const a = await cluster.process({ ...options, name })
    const b = await cluster.process({ ...options, name })
    const { load, run, runs } = new HeldLoader<string>()
    const inA = a.cache.getOrSet('k', load)
    const { resolve } = await run(1)
    const move = await begin(name)
    const inB = b.cache.getOrSet('k', unexpected)
    await until(() => b.spy.count(CLAIM.leaseAlone) > 0, 'a waiter')
    await move.migrate()
    resolve('v')
    expect(await Promise.all([inA, inB])).toEqual(['v', 'v'])
    expect(runs).toHaveLength(1)
    await move.finish()
    expect(await b.cache.getOrSet('k', unexpected)).toBe('v')
  })

  test('what cannot be leased is loaded, counted and not stored', async () => {
    const name = freshName()
    const { cache, metrics } = await cluster.process({ ...options, name })
    const lifetime = { ttl: 60_000, staleIfError: 60_000 }
    await cache.set('k', 'first', lifetime)
    await cache.expire('k')
    const move = await begin(name)
    expect(await cache.getOrSet('k', () => 'second', lifetime)).toBe('second')
    expect((await metrics()).counts('redis_cache_errors_total', 'error_type')).toMatchObject({ cluster: 1 })
    await move.finish()
    expect(await cache.getOrSet('k', () => 'third', lifetime)).toBe('third')
  })
})

/** What masters have refused because a slot was moving. */
async function refusals(): Promise<number> {
  const infos = await Promise.all(cluster.servers.nodes.map((node) => node.command('INFO', 'errorstats').then(String)))
  return infos.reduce((sum, info) => sum + Number(/errorstat_TRYAGAIN:count=(\d+)/.exec(info)?.[1] ?? 0), 0)
}

// ioredis tries again what was refused, 100 ms later. What was called in between had been done by then, and was undone.
test.each([
  ['delete', undefined],
  ['expire', undefined],
  ['set', 'new'],
] as const)('a set that was refused does not undo a later %s', async (later, left) => {
  const name = freshName()
  const { cache } = await cluster.process({ ...options, name, redisTimeout: 4_000 })
  await cache.set('k', 'first')
  const move = await begin(name)
  await move.migrate()
  const before = await refusals()
  const refused = cache.set('k', 'old')
  await until(async () => (await refusals()) > before, 'the refusal')
  await move.finish()
  expect(await (later === 'set' ? cache.set('k', 'new') : cache[later]('k'))).toBe(true)
  expect(await cache.get('k')).toBe(left)
  await refused
  expect(await cache.get('k')).toBe(left)
})

// What answered after it had been refused for a while made Redis's clock seem that far ahead, and nothing late for a second.
test('a set that was refused does not undo a later one, after another that was refused and then stored', async () => {
  const name = freshName()
  const ofClient = { retryDelayOnTryAgain: 400, maxRedirections: 100 }
  const { cache, spy } = await cluster.process({ name, memory: false, redisTimeout: 2_000 }, ofClient)
  await cache.set('k', 'first')
  const moved = await begin(name)
  await moved.migrate()
  const before = await refusals()
  const stored = cache.set('k', 'second')
  await until(async () => (await refusals()) > before, 'the refusal')
  await moved.finish()
  expect(await stored).toBe(true)
  const move = await begin(name)
  await move.migrate()
  const answered = spy.count(STORE_VALUE)
  expect(await cache.set('k', 'old')).toBe(true)
  await move.finish()
  expect(await cache.set('k', 'new')).toBe(true)
  await until(() => spy.count(STORE_VALUE) > answered, 'what was refused')
  expect(await cache.get('k')).toBe('new')
})

test('it is soon forgotten that slots were moving, however much is done meanwhile', async () => {
  const name = freshName()
  const { cache, spy } = await cluster.process({ ...options, name })
  await cache.set('k', 'v')
  const move = await begin(name)
  expect(await cache.delete('k')).toBe(true)
  await move.finish()
  await until(async () => {
    const before = spy.count('del')
    await cache.delete('other')
    return spy.count('del') === before + 1
  }, 'a delete in one command')
})

test('a master that is only slow is not taken for one whose slots move, because its replica is not', async () => {
  const name = freshName()
  const { cache, spy } = await cluster.process({ ...options, name, redisTimeout: 2_000 }, { scaleReads: 'slave' })
  await cache.set('k', 'v')
  for (const node of cluster.servers.nodes.slice(0, 3)) await node.command('CLIENT', 'PAUSE', 1_200, 'ALL')
  expect(await cache.delete('k')).toBe(true)
  expect(spy.count('del')).toBe(1)
})

test('a reply that is only late is not waited for twice', async () => {
  const name = freshName()
  const { cache, spy } = await cluster.process({ ...options, name })
  await cache.getOrSet('warm', () => 'v')
  const release = spy.hold(([command]) => command === 'evalsha')
  const set = cache.set('k', 'v')
  await until(() => spy.held >= 2, 'its second form')
  release()
  expect(await set).toBe(true)
  expect(await cache.get('k')).toBe('v')
})

test('a connection that ends with ASKING unanswered rejects nothing', async () => {
  const name = freshName()
  const { cache, client } = await cluster.process({ ...options, name })
  await begin(name)
  let asked = 0
  for (const node of client.nodes('master')) {
    const send = node.sendCommand.bind(node)
    node.sendCommand = (command, ...others) => {
      if (command.name === 'asking') {
        asked += 1
        queueMicrotask(() => node.disconnect())
      }
      return send(command, ...others)
    }
  }
  await cache.get('k')
  expect(asked).toBe(1)
})
