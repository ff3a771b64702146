import { describe, expect, test } from 'vitest'
import { STORE_VALUE } from '../../src/redis/scripts.js'
import { freshName } from '../support/caches.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { until } from '../support/until.js'
import { useCluster } from './support/fleet.js'

noUnhandledRejections()

describe('in a Redis Cluster', () => {
  const cluster = useCluster()
  const options = { memory: false, redisTimeout: 10_000 } as const

  // Each gave way to the next while it noted its generations: none was stored as long as others came.
  test('sets of one key that come fast are all confirmed, and the first is stored before the others', async () => {
    const { cache, spy } = await cluster.process({ ...options, name: freshName() })
    await cache.set('k', 'old')
    const before = spy.count(STORE_VALUE)
    const release = spy.hold(([command]) => command === 'evalsha')
    const sets = [cache.set('k', 'first')]
    await until(() => spy.held > 0, 'its note')
    for (let n = 0; n < 100; n++) sets.push(cache.set('k', n))
    release()
    expect(new Set(await Promise.all(sets))).toEqual(new Set([true]))
    expect(await cache.get('k')).toBe(99)
    expect(spy.count(STORE_VALUE)).toBe(before + 2)
  })

  // One trip each, one after the other: those behind had no time left, and their failures opened the breaker.
  test('deletes of one key that come fast are all confirmed', async () => {
    const { cache, spy } = await cluster.process({ ...options, name: freshName() })
    await cache.set('k', 'v')
    const release = spy.hold(([command]) => command === 'del')
    const deletes = [cache.delete('k')]
    await until(() => spy.held > 0, 'the first')
    for (let n = 0; n < 1_000; n++) deletes.push(cache.delete('k'))
    release()
    expect(new Set(await Promise.all(deletes))).toEqual(new Set([true]))
    expect(spy.count('del')).toBe(2)
  })

  test('a set that waits while everything is cleared is not stored after that', async () => {
    const { cache, spy } = await cluster.process({ ...options, name: freshName() })
    await cache.set('k', 'old')
    const release = spy.hold(([command]) => command === 'evalsha')
    const sets = [cache.set('k', 'first')]
    await until(() => spy.held > 0, 'its note')
    sets.push(cache.set('k', 'second'))
    const cleared = cache.clear()
    release()
    expect(await Promise.all([...sets, cleared])).toEqual([false, false, true])
    expect(await cache.get('k')).toBeUndefined()
  })
})
