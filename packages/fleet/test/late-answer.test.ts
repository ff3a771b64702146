import { setTimeout as pause } from 'node:timers/promises'
import { createCache } from '@otel-cache/core'
import { startFaultProxy, startRedis } from '@otel-cache/test-servers'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

/**
 * A lease is asked for, with the generations that Redis has; a tag is ended; the answer from before arrives. What it says
 * of the generation is no news, though nothing else has been heard. The fleet found it: reads of a process's own deletes.
 */
test.each(['deleteByTag', 'clear'] as const)('%s outlives the late answer to an older question', async (how) => {
  const redis = await startRedis()
  const proxy = await startFaultProxy({ target: redis })
  const clients = [new Redis(redis.port), new Redis(proxy.port)] as const
  const [writer, reader] = clients.map((client) => createCache({ name: 'late', redis: client }))
  onTestFinished(async () => {
    await Promise.all([writer?.close(), reader?.close()])
    for (const client of clients) client.disconnect()
    await proxy.stop()
    await redis.stop()
  })
  await Promise.all([writer?.ready(), reader?.ready()])
  // Redis knows its scripts from here on.
  await reader?.getOrSet('any', () => 'any')
  await writer?.set('key', 'old', { tags: ['red'] })

  proxy.set({ kind: 'delay', ms: 40, direction: 'replies' })
  proxy.set({ kind: 'black-hole' }, 'subscribed')
  const { replies } = proxy.received
  const asking = reader?.getOrSet('other', () => 'other', { tags: ['red'] })
  // The answer has been given, and is on its way.
  while (proxy.received.replies === replies) await pause(1)
  expect(await (how === 'clear' ? reader?.clear() : reader?.deleteByTag('red'))).toBe(true)
  expect(await reader?.get('key')).toBeUndefined()
  await asking
})
