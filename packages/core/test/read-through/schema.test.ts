import { describe, expect, test } from 'vitest'
import type { StandardSchema } from '../../src/index.js'
import { freshName } from '../support/caches.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { HeldLoader, unexpected } from './support/loads.js'
import { useTimedRedis } from './support/stores.js'

noUnhandledRejections()

function schemaOf(validate: (value: unknown) => unknown): StandardSchema {
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

function isShape(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'version' in value && value.version === 2
}

const REFUSAL = { issues: [{ message: 'another shape' }] }
const OLD = { version: 1 }
const NEW = { version: 2 }

describe('a schema', () => {
  const redis = useTimedRedis()

  const VALIDATORS: ReadonlyArray<readonly [string, (value: unknown) => unknown]> = [
    ['is sync', (value) => (isShape(value) ? { value } : REFUSAL)],
    ['is async', async (value) => (isShape(value) ? { value } : REFUSAL)],
    [
      'throws',
      (value) => {
        if (isShape(value)) return { value }
        throw new Error('another shape')
      },
    ],
    ['rejects', async (value) => (isShape(value) ? { value } : Promise.reject(new Error('another shape')))],
    ['answers nonsense', (value) => (isShape(value) ? { value } : undefined)],
    ['transforms, which is not asked for', (value) => (isShape(value) ? { value: 'transformed' } : REFUSAL)],
  ]

  test.each(VALIDATORS)('that %s makes what it refuses a miss, which the next load overwrites', async (_, validate) => {
    for (const memory of [undefined, false] as const) {
      const name = freshName()
      const options = { name, ...(memory === false && { memory }) }
      const { cache: before, another: unchecked } = await redis.open(options)
      const { cache, another } = await redis.open({ ...options, schema: schemaOf(validate) })
      await before.setMany(['a', 'b', 'c', 'd'].map((key) => [key, OLD] as const))

      expect(await cache.get('a')).toBeUndefined()
      expect(await cache.has('a')).toBe(false)
      expect(await cache.inspect('a')).toBeUndefined()
      expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined])
      expect(cache.stats()).toMatchObject({ misses: 3, hits: { memory: 0, redis: 0 } })
      expect(cache.stats().errors).toBeGreaterThan(0)

      expect(await cache.getOrSet('a', () => NEW)).toEqual(NEW)
      expect(await cache.getOrSetMany(['b', 'c'], (keys) => keys.map(() => NEW))).toEqual([NEW, NEW])
      expect(await cache.getMany(['a', 'b', 'c', 'd'])).toEqual([NEW, NEW, NEW, undefined])
      expect(await another()?.getMany(['a', 'b', 'c'])).toEqual([NEW, NEW, NEW])
      expect(await unchecked()?.getMany(['a', 'b', 'c', 'd'])).toEqual([NEW, NEW, NEW, OLD])
    }
  })

  test('refuses stale values too: they are no fallback', async () => {
    const name = freshName()
    const stale = { ttl: 2_000, staleWhileRevalidate: 60_000, staleIfError: 60_000 }
    const { cache: before, pass } = await redis.open({ name, memory: false })
    const { cache } = await redis.open({
      name,
      ...stale,
      schema: schemaOf((v) => (isShape(v) ? { value: v } : REFUSAL)),
    })
    await before.set('k', OLD, stale)
    await pass(3_000)
    const { load, run } = new HeldLoader<unknown>()
    const call = cache.getOrSet('k', load)
    const { context, resolve } = await run(1)
    expect(context.stale).toBeUndefined()
    resolve(NEW)
    expect(await call).toEqual(NEW)
  })

  test('is no concern of what this process has just loaded or set', async () => {
    const { cache } = await redis.open({ schema: schemaOf(() => REFUSAL) })
    expect(await cache.getOrSet('k', () => NEW)).toEqual(NEW)
    expect(await cache.getOrSet('k', unexpected)).toEqual(NEW)
    await cache.set('l', NEW)
    expect(await cache.get('l')).toEqual(NEW)
  })

  test('is one load for many callers whose value it refuses', async () => {
    const name = freshName()
    const { cache: before } = await redis.open({ name })
    const { cache } = await redis.open({ name, schema: schemaOf(async () => REFUSAL) })
    await before.set('k', OLD)
    let loads = 0
    const load = async () => {
      loads += 1
      return NEW
    }
    const values = await Promise.all(Array.from({ length: 20 }, () => cache.getOrSet('k', load)))
    for (const value of values) expect(value).toEqual(NEW)
    expect(loads).toBe(1)
    expect(cache.stats()).toMatchObject({ misses: 20, coalesced: 19 })
  })
})

describe('a version', () => {
  const redis = useTimedRedis()

  test('neither reads nor disturbs what another one, or none, has stored', async () => {
    const name = freshName()
    const versions = [undefined, 1, 2, '2a', 'a:b'] as const
    const caches = await Promise.all(
      versions.map(async (version) => (await redis.open({ name, ...(version !== undefined && { version }) })).cache),
    )
    for (const [index, cache] of caches.entries()) {
      expect(await cache.getOrSet('k', () => index, { tags: ['t'] })).toBe(index)
      await cache.namespace('n').set('k', index, { tags: ['t'] })
    }
    const [, one, two] = caches as [(typeof caches)[0], (typeof caches)[0], (typeof caches)[0]]
    await one.deleteByTag('t')
    await two.delete('k')
    await two.namespace('n').clear({ purge: true })
    const held = await Promise.all(
      versions.map(async (version) => {
        const { cache } = await redis.open({ name, ...(version !== undefined && { version }), memory: false })
        return [await cache.get('k'), await cache.namespace('n').get('k')]
      }),
    )
    expect(held).toEqual([
      [0, 0],
      [undefined, undefined],
      [undefined, undefined],
      [3, 3],
      [4, 4],
    ])
  })

  test('written as a number or as a string is the same', async () => {
    const name = freshName()
    const { cache } = await redis.open({ name, version: 3 })
    await cache.set('k', 'v')
    expect(await (await redis.open({ name, version: '3' })).cache.get('k')).toBe('v')
  })
})
