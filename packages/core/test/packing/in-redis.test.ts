import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type CacheOptions, InvalidOptionError } from '../../src/index.js'
import { ALGORITHMS } from '../../src/packing/compress.js'
import { freshName, makeCache } from '../support/caches.js'
import { pageOf } from '../support/documents.js'
import { connect, IOREDIS, useRedis } from '../support/redis.js'
import { noUnhandledRejections } from '../support/unhandled.js'

noUnhandledRejections()

const [older, newer] = [new Uint8Array(randomBytes(32)), new Uint8Array(randomBytes(32))]
const OLD = { current: '2025', keys: { 2025: older } }
const ROTATING = { current: '2026', keys: { 2025: older, 2026: newer } }
const NEW = { current: '2026', keys: { 2026: newer } }
const PAGE = pageOf(10_000)
const LARGE_PAGE = pageOf(100_000)

describe.each(IOREDIS)('compressed and encrypted, $ioredis', ({ Client }) => {
  const redis = useRedis()

  /** Caches of one name, each a process of its own as far as they know. */
  async function withRedis(keyPrefix = '') {
    const client = await connect(Client, redis.server, { keyPrefix })
    const name = freshName()
    const make = (options: Partial<CacheOptions> = {}) =>
      makeCache({ name, redis: client, redisTimeout: 10_000, memory: false, jitter: 0, ...options })
    const nameOf = (key: string): string => `${name}:v:{${key}}`
    const markerOf = async (key: string) => (await client.get(nameOf(key)))?.split(' ')[1]
    return { client, make, nameOf, markerOf }
  }

  test('what is large is stored smaller, and read as it was, whatever asked for it', async () => {
    const { client, make, nameOf, markerOf } = await withRedis()
    const cache = make({ compression: {}, memory: {} })
    const reader = make({ compression: {} })
    expect(await cache.set('set', PAGE)).toBe(true)
    expect(await cache.getOrSet('loaded', () => LARGE_PAGE)).toEqual(LARGE_PAGE)
    expect(await cache.set('small', 'small')).toBe(true)
    expect(await Promise.all(['set', 'loaded', 'small'].map(markerOf))).toEqual(['jb-', 'jb-', 'j--'])
    expect(await client.strlen(nameOf('loaded'))).toBeLessThan(JSON.stringify(LARGE_PAGE).length / 2)
    for (const one of [cache, reader]) {
      expect(await one.getMany(['set', 'loaded', 'small'])).toEqual([PAGE, LARGE_PAGE, 'small'])
      expect(await one.getOrSet('loaded', () => 'another')).toEqual(LARGE_PAGE)
    }
    expect((await reader.inspect('set'))?.value).toEqual(PAGE)
    expect([cache.stats().errors, reader.stats().errors]).toEqual([0, 0])
  })

  test('each algorithm reads what another has written, so that it can be changed', async () => {
    const { make } = await withRedis()
    const caches = [...ALGORITHMS.keys()].map((algorithm) =>
      make({ compression: { algorithm: algorithm as 'gzip', threshold: 100 } }),
    )
    for (const writer of caches) {
      await writer.set('a', PAGE)
      for (const reader of caches) expect(await reader.get('a')).toEqual(PAGE)
    }
  })

  test.skipIf(ALGORITHMS.has('zstd'))('zstd is refused where Node.js has none', () => {
    const make = () => makeCache({ compression: { algorithm: 'zstd' } })
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(/options\.compression\.algorithm must be one of gzip, brotli .*22\.15.*; received "zstd"/)
  })

  test('maxValueBytes is what is stored, not what it was', async () => {
    const { client, make, nameOf } = await withRedis()
    const cache = make({ compression: { threshold: 0 }, maxValueBytes: 2_000 })
    expect(await cache.set('a', 'a'.repeat(100_000))).toBe(true)
    expect(await cache.get('a')).toBe('a'.repeat(100_000))
    expect(await cache.getOrSet('b', () => 'b'.repeat(100_000))).toBe('b'.repeat(100_000))
    expect(await cache.has('b')).toBe(true)
    // What does not shrink does not fit, and must not leave the old value behind.
    const noise = randomBytes(3_000).toString('base64')
    expect(await cache.set('a', noise)).toBe(false)
    expect(await client.exists(nameOf('a'))).toBe(0)
    expect(await cache.getOrSet('a', () => noise)).toBe(noise)
    expect(await client.exists(nameOf('a'))).toBe(0)
    // An encrypted one is larger than it was, by the same for all.
    const sealing = make({ encryption: OLD, maxValueBytes: 100 })
    expect(await sealing.set('c', 'c'.repeat(58))).toBe(true)
    expect(await sealing.set('c', 'c'.repeat(59))).toBe(false)
    expect(cache.stats().errors + sealing.stats().errors).toBe(0)
  })

  test('the bytes that are counted are those that were moved', async () => {
    const { client, make, nameOf } = await withRedis()
    const cache = make({ compression: {}, memory: {} })
    await cache.set('a', PAGE)
    // Memory is bounded by what it holds.
    expect(cache.stats().bytes).toBe(JSON.stringify(PAGE).length + 1)
    expect(await client.strlen(nameOf('a'))).toBeLessThan(JSON.stringify(PAGE).length)
  })

  test('what Redis holds tells nothing of an encrypted value but its length', async () => {
    const { client, make, nameOf, markerOf } = await withRedis()
    const cache = make({ encryption: OLD })
    await cache.set('a', { name: 'Ada' })
    expect(await markerOf('a')).toBe('j-2025')
    expect(await client.get(nameOf('a'))).not.toContain('Ada')
    expect(await make({ encryption: OLD }).get('a')).toEqual({ name: 'Ada' })
  })

  test('keys rotate without a miss', async () => {
    const { make, markerOf } = await withRedis()
    const [before, during, after] = [OLD, ROTATING, NEW].map((encryption) => make({ encryption }))
    await before?.set('a', 'old')
    expect(await during?.get('a')).toBe('old')
    await during?.set('b', 'new')
    expect(await markerOf('b')).toBe('j-2026')
    expect(await after?.get('b')).toBe('new')
    // The old key is gone now, and what only it could read is loaded anew.
    expect(await after?.get('a')).toBeUndefined()
    expect(after?.stats()).toMatchObject({ misses: 1, errors: 1 })
    expect(await after?.getOrSet('a', () => 'loaded')).toBe('loaded')
    expect(await markerOf('a')).toBe('j-2026')
    expect(await during?.get('a')).toBe('loaded')
  })

  test.each([
    ['compressed', { compression: { threshold: 0 } }],
    ['encrypted', { encryption: OLD }],
    ['compressed and encrypted', { compression: { threshold: 0 }, encryption: OLD }],
  ])('a cache without the options: what is %s is a counted miss for it, and loaded anew', async (_, options) => {
    const { make, markerOf } = await withRedis()
    const [packing, plain] = [make(options), make()]
    await packing.set('a', PAGE)
    expect(await plain.get('a')).toBeUndefined()
    expect(await plain.has('a')).toBe(false)
    expect(await plain.getMany(['a', 'b'])).toEqual([undefined, undefined])
    expect(plain.stats()).toMatchObject({ misses: 3, errors: 2, hits: { redis: 0 } })
    expect(await plain.getOrSet('a', () => 'loaded')).toBe('loaded')
    expect(await markerOf('a')).toBe('j--')
    expect(await plain.get('a')).toBe('loaded')
    // What is only compressed was never meant to be secret, nor beyond doubt.
    expect(await packing.get('a')).toBe('encryption' in options ? undefined : 'loaded')
    expect(await packing.getOrSet('a', () => PAGE)).toEqual('encryption' in options ? PAGE : 'loaded')
  })

  test('a value that is moved to another key, namespace, version or cache is a miss there', async () => {
    const { client, make, nameOf } = await withRedis()
    const cache = make({ encryption: OLD, version: 1 })
    const other = make({ encryption: OLD, version: 2, keyPrefix: 'other:' })
    await cache.set('a', 'secret')
    await cache.set('b', 'other')
    await cache.namespace('n').set('a', 'other')
    await other.set('a', 'other')
    const [from, ...to] = [
      `${cache.name}:@1:v:{a}`,
      `${cache.name}:@1:v:{b}`,
      `${cache.name}:@1:v:n:{a}`,
      'other:@2:v:{a}',
    ] as const
    expect(await client.exists(nameOf('a'))).toBe(0)
    const [head, sealed] = splitAtNewline((await client.getBuffer(from)) as Buffer)
    for (const name of to) {
      const [own] = splitAtNewline((await client.getBuffer(name)) as Buffer)
      // As somebody would who knows the form: the length and the generations are those of the place it comes to.
      const length = head.toString().split(' ')[7] as string
      const moved = own.toString().split(' ').with(7, length).join(' ')
      await client.set(name, Buffer.concat([Buffer.from(moved), sealed]))
    }
    expect(await cache.get('a')).toBe('secret')
    expect(await cache.get('b')).toBeUndefined()
    expect(await cache.namespace('n').get('a')).toBeUndefined()
    expect(await other.get('a')).toBeUndefined()
    expect([cache.stats().errors, other.stats().errors]).toEqual([2, 1])
  })

  test("a client's own prefix is a part of the name", async () => {
    const [one, other] = [await withRedis('one:'), await withRedis('one:')]
    const keyPrefix = freshName()
    await one.make({ encryption: OLD, keyPrefix }).set('a', 'secret')
    expect(await other.make({ encryption: OLD, keyPrefix }).get('a')).toBe('secret')
    const bare = await withRedis()
    expect(await bare.make({ encryption: OLD, keyPrefix: `one:${keyPrefix}` }).get('a')).toBe('secret')
  })

  test.each([
    ['a bomb', { threshold: 0 }, gzipSync(Buffer.alloc(17_000_000, ' '))],
    ['no gzip at all', { threshold: 0 }, randomBytes(2_000)],
    ['nothing', { threshold: 0 }, Buffer.alloc(0)],
  ])(
    '%s that says it is compressed is a counted miss, and overwritten by the next load',
    async (_, compression, body) => {
      const { client, make, nameOf, markerOf } = await withRedis()
      const cache = make({ compression: { ...compression, algorithm: 'gzip' } })
      const plant = async (length: number): Promise<void> => {
        await cache.set('a', PAGE)
        const [head] = splitAtNewline((await client.getBuffer(nameOf('a'))) as Buffer)
        const preamble = Buffer.alloc(8)
        preamble.writeUInt32BE(length)
        const size = String(preamble.length + body.length)
        const planted = head.toString().split(' ').with(7, size).join(' ')
        await client.set(nameOf('a'), Buffer.concat([Buffer.from(planted), preamble, body]))
      }
      for (const length of [10, 1_000_000, 17_000_000]) {
        await plant(length)
        const { misses, errors } = cache.stats()
        expect(await cache.get('a')).toBeUndefined()
        expect(cache.stats()).toMatchObject({ misses: misses + 1, errors: errors + 1 })
        expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded')
        expect(await markerOf('a')).toBe('j--')
        expect(await cache.get('a')).toBe('loaded')
      }
    },
  )

  test('the script that makes a value stale leaves its body alone', async () => {
    const { make } = await withRedis()
    const cache = make({ compression: {}, encryption: OLD, staleIfError: 60_000 })
    await cache.set('a', PAGE)
    expect(await cache.expire('a')).toBe(true)
    expect(await cache.get('a')).toBeUndefined()
    const failing = () => Promise.reject(new Error('origin'))
    expect(await cache.getOrSet('a', failing)).toEqual(PAGE)
  })

  // A large value is compressed in another thread, and a small one is not: what was called first would be sent last.
  test('of two sets of one key the later has the last word', async () => {
    const { make } = await withRedis()
    const cache = make({ compression: {}, memory: {} })
    for (let round = 0; round < 10; round++) {
      const [, later] = await Promise.all([cache.set('a', LARGE_PAGE), cache.set('a', 'later')])
      expect(later).toBe(true)
      expect(await cache.get('a')).toBe('later')
      expect(await make({ compression: {} }).get('a')).toBe('later')
    }
  })

  test.each([
    ['delete', (cache: ReturnType<typeof makeCache>) => cache.delete('a')],
    ['clear', (cache: ReturnType<typeof makeCache>) => cache.clear()],
    ['deleteByTag', (cache: ReturnType<typeof makeCache>) => cache.deleteByTag('t')],
  ])('what is being compressed when a %s comes is not stored after it', async (_, change) => {
    const { make } = await withRedis()
    const cache = make({ compression: {}, memory: {}, tags: ['t'] })
    const setThenChange = async (): Promise<boolean> => {
      const [, changed] = await Promise.all([cache.set('a', LARGE_PAGE), change(cache)])
      return changed
    }
    const changeInLoad = async (): Promise<boolean> => {
      let changed: Promise<boolean> | undefined
      const loader = (): typeof LARGE_PAGE => {
        changed = change(cache)
        return LARGE_PAGE
      }
      expect(await cache.getOrSet('a', loader)).toEqual(LARGE_PAGE)
      return changed as Promise<boolean>
    }
    for (const act of [setThenChange, changeInLoad]) {
      expect(await act()).toBe(true)
      expect(await cache.get('a')).toBeUndefined()
      expect(await make({ compression: {}, tags: ['t'] }).get('a')).toBeUndefined()
    }
    expect(cache.stats().errors).toBe(0)
  })

  test('in memory alone both options are taken, and do nothing', async () => {
    const cache = makeCache({ compression: {}, encryption: OLD, maxValueBytes: 20_000 })
    expect(await cache.getOrSet('a', () => PAGE)).toEqual(PAGE)
    expect(await cache.set('b', LARGE_PAGE)).toBe(false)
    expect(cache.peek('a')).toEqual(PAGE)
  })
})

function splitAtNewline(stored: Buffer): readonly [head: Buffer, body: Buffer] {
  const newline = stored.indexOf(10) + 1
  return [stored.subarray(0, newline), stored.subarray(newline)]
}
