import { once } from 'node:events'
import { type RedisServer, startCluster } from '@otel-cache/test-servers'
import { Cluster } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Cache } from '../../src/index.js'
import { freshName, makeCache } from '../support/caches.js'
import { connect, IOREDIS, ownRedis } from '../support/redis.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { aclLine, COMMANDS, COMMANDS_OF_CHANNEL, COMMANDS_OF_PURGE } from './needs.js'

noUnhandledRejections()

describe.each(IOREDIS)('what the cache needs of Redis, $ioredis', ({ Client }) => {
  test('is what its documentation says, and all of that', async () => {
    const server = await ownRedis('--user', 'app', 'on', '>secret')
    const name = freshName()
    await server.command('ACL', 'SETUSER', 'app', ...aclLine(`${name}:`))
    const client = await connect(Client, server, { username: 'app', password: 'secret' })
    const cache = makeCache({ name, redis: client, redisTimeout: 10_000, memory: false })
    await server.command('CONFIG', 'RESETSTAT')
    await cache.ready()
    await useEverything(cache, () => server.command('SCRIPT', 'FLUSH'))
    expect(cache.stats()).toMatchObject({ errors: 0, unconfirmed: 0, circuit: 'closed' })
    const used = String(await server.command('INFO', 'commandstats')).matchAll(/cmdstat_([^:|]+)/g)
    const ours = new Set(Array.from(used, ([, command]) => command))
    // The test's own, and those of the second connection.
    for (const command of ['script', 'config', 'info', 'auth']) ours.delete(command)
    const needed = [...COMMANDS, ...COMMANDS_OF_CHANNEL, ...COMMANDS_OF_PURGE].map((one) => one.split('|')[0])
    expect([...ours].sort()).toEqual([...new Set(needed)].sort())
    // Whatever else it may have been refused.
    expect(await server.command('ACL', 'LOG')).toEqual([])
  })
  // The scripts took a GET that they were refused for a lease, or a generation, that had ended: `set` said true.
  test('is missed aloud, where scripts may not read', async () => {
    const server = await ownRedis('--user', 'app', 'on', '>secret')
    const name = freshName()
    await server.command('ACL', 'SETUSER', 'app', ...aclLine(`${name}:`), '-get')
    const client = await connect(Client, server, { username: 'app', password: 'secret' })
    const cache = makeCache({ name, redis: client, redisTimeout: 10_000, memory: false })
    expect(await cache.set('a', 1)).toBe(false)
    expect(await cache.set('a', 1, { staleIfError: 1_000 })).toBe(false)
    expect(await cache.getOrSet('b', () => 2)).toBe(2)
    expect(cache.stats().errors).toBeGreaterThanOrEqual(3)
    expect(await server.command('KEYS', `${name}:v:*`)).toEqual([])
  })
})

// The line once had what the cache asks for and nothing of what its client does: nobody got as far as the slots.
test('what a Cluster is asked for, while a slot moves too, is in the same line', async () => {
  const cluster = await startCluster()
  onTestFinished(() => cluster.stop())
  const name = freshName()
  for (const node of cluster.nodes) await node.command('ACL', 'SETUSER', 'app', 'on', '>secret', ...aclLine(`${name}:`))
  const client = new Cluster(cluster.address, { redisOptions: { username: 'app', password: 'secret' } })
  client.on('error', () => {})
  onTestFinished(() => client.disconnect())
  await once(client, 'ready')
  const cache = makeCache({ name, redis: client, redisTimeout: 10_000 })
  await cache.ready()
  await useEverything(cache, async () => {
    for (const node of cluster.nodes) await node.command('SCRIPT', 'FLUSH')
  })
  const slot = String(await cluster.nodes[0]?.command('CLUSTER', 'KEYSLOT', `${name}:v:{moving}`))
  await beginMoving(slot, cluster.nodes.slice(0, 3))
  expect(await cache.get('moving')).toBeUndefined()
  expect(cache.stats()).toMatchObject({ errors: 0, unconfirmed: 0 })
  // The name of a connection is a courtesy, which ioredis does without.
  for (const node of cluster.nodes) {
    const refused = (await node.command('ACL', 'LOG')) as unknown[][]
    expect(refused.map((entry) => entry[entry.indexOf('object') + 1])).toSatisfy((objects: unknown[]) =>
      objects.every((object) => object === 'client|setname'),
    )
  }
})

/** A slot of one master is on its way to another: what is not there any more is to be asked for over there. */
async function beginMoving(slot: string, masters: readonly RedisServer[]): Promise<void> {
  const ids = await Promise.all(masters.map(async (master) => String(await master.command('CLUSTER', 'MYID'))))
  const from = (await Promise.all(masters.map((master) => owns(master, slot)))).indexOf(true)
  const to = (from + 1) % masters.length
  await masters[to]?.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from] as string)
  await masters[from]?.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to] as string)
}

async function owns(master: RedisServer, slot: string): Promise<boolean> {
  const slots = (await master.command('CLUSTER', 'SLOTS')) as Array<[number, number, [string, number, string]]>
  const id = String(await master.command('CLUSTER', 'MYID'))
  return slots.some(([first, last, [, , owner]]) => owner === id && Number(slot) >= first && Number(slot) <= last)
}

/** Every member that talks to Redis, with whatever makes a difference to its commands. */
async function useEverything(cache: Cache, forgetScripts: () => Promise<unknown>): Promise<void> {
  const view = cache.namespace('n', { tags: ['t'] })
  for (const ttl of [1_000, 10_000_000, Number.POSITIVE_INFINITY]) {
    expect(await view.set('a', 1, { ttl })).toBe(true)
    expect(await view.get('a')).toBe(1)
  }
  await forgetScripts()
  expect(
    await cache.setMany(
      [
        ['a', 1],
        ['b', 2],
      ],
      { staleIfError: 1_000 },
    ),
  ).toBe(true)
  expect(await cache.expire('b')).toBe(true)
  expect(await cache.getMany(['a', 'b'])).toEqual([1, undefined])
  expect(await cache.getOrSet('c', () => 3)).toBe(3)
  expect(await cache.getOrSet('nothing', () => undefined)).toBeUndefined()
  expect(await cache.getOrSetMany(['a', 'd'], () => [4])).toEqual([1, 4])
  expect(await cache.has('a')).toBe(true)
  expect(await cache.inspect('a')).toMatchObject({ value: 1 })
  expect(await cache.delete('a')).toBe(true)
  expect(await view.deleteByTag('t')).toBe(true)
  expect(await view.clear({ purge: true })).toBe(true)
  expect(await cache.clear({ purge: true })).toBe(true)
}
