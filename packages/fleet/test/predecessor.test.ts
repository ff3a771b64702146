import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type Cache, type CacheOptions, createCache } from '@otel-cache/core'
import { type RedisServer, startRedis } from '@otel-cache/test-servers'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { calm, killChannels } from '../src/disturbances.js'
import { type Predecessor, unpackPredecessor } from '../src/predecessor.js'
import { describeViolation } from '../src/report.js'
import { run } from '../src/run.js'

type Create = typeof createCache

let predecessor: Predecessor
let createBefore: Create
let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
  predecessor = await unpackPredecessor()
  // As Node loads it, not Vite.
  createBefore = (createRequire(import.meta.url)(fileURLToPath(predecessor.module)) as { createCache: Create })
    .createCache
})
afterAll(async () => {
  await predecessor?.remove()
  await redis?.stop()
})

test('the predecessor is another build', () => {
  expect(createBefore).not.toBe(createCache)
})

const ENCRYPTION = { current: 'a', keys: { a: randomBytes(32) } }
const WAYS: ReadonlyArray<[way: string, options: Partial<CacheOptions>]> = [
  ['as it is by default', {}],
  ['compressed', { compression: { algorithm: 'gzip', threshold: 10 } }],
  ['encrypted', { encryption: ENCRYPTION }],
  ['with stale windows', { staleIfError: 60_000, staleWhileRevalidate: 60_000 }],
  ['of a version', { version: 7 }],
]

let caches = 0

/** Two processes, as far as Redis is concerned: the writer and the reader, on clients of their own. */
async function pair(creates: readonly [Create, Create], options: Partial<CacheOptions> = {}): Promise<[Cache, Cache]> {
  caches += 1
  const name = `releases-${caches}`
  const open = async (create: Create): Promise<Cache> => {
    const client = new Redis(redis.port, redis.host)
    const cache = create({ name, redis: client, redisTimeout: 10_000, ...options })
    onTestFinished(async () => {
      await cache.close()
      client.disconnect()
    })
    await cache.ready()
    return cache
  }
  return [await open(creates[0]), await open(creates[1])]
}

function unexpected(): never {
  throw new Error('this loader was not to be called')
}

const VALUE = { text: 'x'.repeat(100), list: [1, 2, 3], nothing: null }

describe.each([
  ['the predecessor writes', true],
  ['the predecessor reads', false],
])('%s', (_, isWriter) => {
  const creates = (): [Create, Create] => (isWriter ? [createBefore, createCache] : [createCache, createBefore])

  test.each(WAYS)('what one stores, loaded or set, the other reads, %s', async (_, options) => {
    const [writer, reader] = await pair(creates(), options)
    await writer.getOrSet('loaded', () => VALUE, { tags: ['t'] })
    expect(await writer.set('set', VALUE)).toBe(true)
    expect(await reader.get('loaded')).toEqual(VALUE)
    expect(await reader.getOrSet('set', unexpected)).toEqual(VALUE)
    expect(reader.stats()).toMatchObject({ hits: { redis: 2 }, errors: 0 })
  })

  test('what one changes, the other hears', async () => {
    const [writer, reader] = await pair(creates())
    const seen = async (key: string, value: unknown): Promise<void> =>
      vi.waitFor(async () => expect(await reader.get(key)).toEqual(value), { timeout: 10_000 })
    const stored = async (key: string): Promise<void> => {
      expect(await writer.set(key, 1, { tags: ['t'] })).toBe(true)
      await seen(key, 1)
    }
    await stored('a')
    expect(await writer.set('a', 2)).toBe(true)
    await seen('a', 2)
    expect(await writer.delete('a')).toBe(true)
    await seen('a', undefined)
    await stored('b')
    expect(await writer.deleteByTag('t')).toBe(true)
    await seen('b', undefined)
    await stored('c')
    expect(await writer.clear()).toBe(true)
    await seen('c', undefined)
  })

  test.each(['delete', 'deleteByTag', 'clear', 'set'] as const)(
    'a %s of one fences a load of the other',
    async (change) => {
      const [changing, loading] = await pair(creates())
      let finish!: (value: string) => void
      let isRunning!: () => void
      const running = new Promise<void>((resolve) => {
        isRunning = resolve
      })
      const load = (): Promise<string> => {
        isRunning()
        return new Promise((resolve) => {
          finish = resolve
        })
      }
      const loaded = loading.getOrSet('k', load, { tags: ['t'] })
      await running
      const changes = {
        delete: () => changing.delete('k'),
        deleteByTag: () => changing.deleteByTag('t'),
        clear: () => changing.clear(),
        set: () => changing.set('k', 'newer'),
      }
      expect(await changes[change]()).toBe(true)
      finish('too old')
      expect(await loaded).toBe('too old')
      const after = change === 'set' ? 'newer' : undefined
      expect(await changing.get('k')).toBe(after)
      await vi.waitFor(async () => expect(await loading.get('k')).toBe(after), { timeout: 10_000 })
    },
  )

  test('they share one load', async () => {
    const [leading, waiting] = await pair(creates())
    let finish!: (value: string) => void
    const isLoading = new Promise<void>((isRunning) => {
      const load = (): Promise<string> => {
        isRunning()
        return new Promise((resolve) => {
          finish = resolve
        })
      }
      leading.getOrSet('k', load).catch(() => {})
    })
    await isLoading
    const waited = waiting.getOrSet('k', unexpected)
    finish('v')
    expect(await waited).toBe('v')
  })
})

test('no read of a mixed fleet is wrong', { timeout: 90_000 }, async () => {
  const mix = { batch: 40, pause: 4, changes: 0.02, slowLoads: { share: 0.1, take: 40 } }
  const disturbances = [calm(1_500), killChannels(2, 200), calm(500)]
  const scenario = { name: 'two releases', workers: 4, bound: 500, mix, disturbances }
  const outcome = await run(scenario, { seed: 1, otherCore: predecessor.module })
  expect(outcome.violations.map(describeViolation)).toEqual([])
  expect(outcome.hits).toBeGreaterThan(5_000)
  expect(outcome.changes).toBeGreaterThan(50)
})
