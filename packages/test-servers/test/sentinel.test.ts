import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type RedisServer, type SentinelSet, startSentinel } from '../src/index.js'

let set: SentinelSet

beforeAll(async () => {
  set = await startSentinel()
})
afterAll(() => set.stop())

async function roleOf(server: RedisServer): Promise<unknown> {
  return ((await server.command('ROLE')) as unknown[])[0]
}

test('starts with a master, its replica, and Sentinels that name the master', async () => {
  const master = await set.master()
  expect(await Promise.all(set.servers.map(roleOf))).toEqual(['master', 'slave'])
  expect(master).toBe(set.servers[0])
  expect(set.address.sentinels).toHaveLength(3)
  for (const { port } of set.address.sentinels) {
    const sentinel = set.sentinels.find((server) => server.port === port)
    const reply = await sentinel?.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', set.address.name)
    expect(reply).toEqual(['127.0.0.1', String(master.port)])
  }
})

// What Redis keeps over a failover is its own affair: on a starved machine it may lose what a replica had confirmed.
test('failover() makes the replica master and the master a replica', async () => {
  const old = await set.master()
  const master = await set.failover()
  expect(master).not.toBe(old)
  expect(await set.master()).toBe(master)
  expect([await roleOf(master), await roleOf(old)]).toEqual(['master', 'slave'])
  await expect(old.command('SET', 'key', 'other')).rejects.toThrow('READONLY')
})

test('a killed master is replaced, and comes back as a replica', async () => {
  const old = await set.master()
  await old.kill('SIGKILL')
  const master = await set.masterAfter(old)
  await master.command('SET', 'key', 'new')
  await old.restart()
  await vi.waitFor(async () => expect(await old.command('GET', 'key')).toBe('new'), { timeout: 10_000 })
  expect(await roleOf(old)).toBe('slave')
})

test('a master that hangs is replaced, and still takes writes when it wakes', async () => {
  const old = await set.master()
  await old.kill('SIGSTOP')
  const master = await set.masterAfter(old)
  expect(master).not.toBe(old)
  const late = old.command('SET', 'key', 'to be lost')
  await old.kill('SIGCONT')
  expect(await late).toBe('OK')
  await vi.waitFor(async () => expect(await roleOf(old)).toBe('slave'), { timeout: 10_000 })
  await vi.waitFor(async () => expect(await old.command('GET', 'key')).toBe('new'), { timeout: 10_000 })
})
