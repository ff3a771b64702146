import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startFaultProxy } from '@otel-cache/test-servers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makeTimedCache } from '../support/caches.js'
import { connect, IOREDIS, ownRedis, type RedisClient } from '../support/redis.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { until } from '../support/until.js'
import { OUTAGES } from './outages.js'

noUnhandledRejections()

const MINUTES = 10
const CALLS_A_SECOND = 60
/** Of bytes, over nine minutes and 30,000 calls: what one more object a call would exceed. */
const FLAT = 2_000_000

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

describe('ten minutes without Redis, in simulated time', () => {
  test.for(OUTAGES)('$outage', async ({ outage, begin, end }, { task }) => {
    const server = await ownRedis()
    const proxy = await startFaultProxy({ target: server })
    onTestFinished(() => proxy.stop())
    const client = await connect(IOREDIS[0].Client, proxy)
    const { cache, clock } = makeTimedCache({ redis: client })
    const other = makeTimedCache({ name: cache.name, redis: await connect(IOREDIS[0].Client, server) }).cache
    expect(await cache.set('k', 'before')).toBe(true)
    await begin({ server, proxy })

    let mostUnconfirmed = 0
    let outstanding = 0
    let heapAfterOneMinute = 0
    for (let second = 0; second < MINUTES * 60; second++) {
      const calls = Array.from({ length: CALLS_A_SECOND / 3 }, (_, index) => [
        cache.delete(second === 0 && index === 0 ? 'k' : `deleted-${second}-${index}`),
        cache.set(`set-${index}`, second),
        cache.getOrSet(`loaded-${second}-${index}`, () => second),
      ])
      await clock.advance(1_000)
      for (const results of await Promise.all(calls.map((three) => Promise.all(three)))) {
        expect(results).toEqual([false, false, second])
      }
      mostUnconfirmed = Math.max(mostUnconfirmed, cache.stats().unconfirmed)
      if (second === 59) {
        heapAfterOneMinute = heap()
        outstanding = commandsOf(client).length
      }
    }
    const heapGrowth = heap() - heapAfterOneMinute
    const commands = commandsOf(client)
    expect(commands.length, 'commands that the client holds').toBeLessThanOrEqual(outstanding)
    expect(commands.filter((name) => name === 'ping').length).toBeLessThanOrEqual(1)
    expect(cache.stats()).toMatchObject({ circuit: 'open', entries: 0 })
    expect(mostUnconfirmed).toBe(10_000)
    expect(heapGrowth).toBeLessThan(FLAT)

    await end({ server, proxy })
    await until(() => client.status === 'ready', 'the client to be ready')
    await until(async () => {
      await clock.advance(100)
      return cache.stats().unconfirmed === 0
    }, 'the replay')
    expect(await other.get('k')).toBeUndefined()
    const { loads } = cache.stats()
    expect(await cache.getOrSet('loaded-0-0', () => 'anew')).toBe('anew')
    expect(cache.stats().loads).toBe(loads + 1)
    await cache.close()
    await other.close()
    await clock.advance(100)
    expect(clock.pending).toBe(0)
    task.meta.outage = {
      outage,
      calls: MINUTES * 60 * CALLS_A_SECOND,
      heapGrowth,
      commandsOutstanding: commands.length,
      mostUnconfirmed,
      timersLeft: clock.pending,
    }
  })
})

function heap(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** What the client has sent and not been answered, and what it would send once it is connected. */
function commandsOf(client: RedisClient): string[] {
  type Queue = { toArray(): ReadonlyArray<{ command: { name: string } }> } | undefined
  const { commandQueue, offlineQueue } = client as unknown as Record<'commandQueue' | 'offlineQueue', Queue>
  const items = [commandQueue, offlineQueue].flatMap((queue) => queue?.toArray() ?? [])
  return items.map(({ command }) => command.name)
}
