import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type RedisCluster, startCluster } from '../src/index.js'

let cluster: RedisCluster

beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster.stop())

test('every slot is somewhere, and a node says where', async () => {
  expect(cluster.address).toHaveLength(6)
  const [first, second, third] = cluster.nodes
  // Slots 5061, 866 and 12182.
  expect(await first?.command('SET', 'bar', '1').catch(String)).toBe(`OK`)
  await expect(second?.command('GET', 'hello')).rejects.toThrow(`MOVED 866 127.0.0.1:${first?.port}`)
  await expect(second?.command('GET', 'foo')).rejects.toThrow(`MOVED 12182 127.0.0.1:${third?.port}`)
})

test('a replica takes the place of a killed master', async () => {
  const [first, , , replica] = cluster.nodes
  await first?.command('SET', 'bar', 'kept')
  expect(await first?.command('WAIT', 1, 10_000)).toBe(1)
  await first?.kill('SIGKILL')
  await vi.waitFor(async () => expect(await replica?.command('SET', 'bar', 'new', 'GET')).toBe('kept'), {
    timeout: 20_000,
    interval: 50,
  })
})
