import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Cache, Codec } from '../src/index.js'
import { freshName, makeCache } from './support/caches.js'
import { connect, IOREDIS, type RedisClient, useRedis } from './support/redis.js'
import { noUnhandledRejections } from './support/unhandled.js'

noUnhandledRejections()

const AN_HOUR_AGO = Date.now() - 3_600_000
const GENERATION = 'k3J9x-2bQfAa'

/** The stored form of a body, with parts of its head as given. */
function stored(
  body: string | Uint8Array,
  parts: Partial<Record<'magic' | 'marker' | 'at' | 'durations' | 'length' | 'generations', string>> = {},
): Buffer {
  const { magic = 'oc1', marker = 'j--', at = `${AN_HOUR_AGO}`, durations = '86400000 0 0 12' } = parts
  const { length = `${Buffer.byteLength(body)}`, generations = GENERATION } = parts
  const head = `${magic} ${marker} ${at} ${durations} ${length} ${generations} #\n`
  return Buffer.concat([Buffer.from(head), Buffer.from(body as string)])
}

describe.each(IOREDIS)('what lies under our keys in Redis, $ioredis', ({ Client }) => {
  const redis = useRedis()

  /** A cache whose widest generation is GENERATION, and the client with which somebody else writes under its keys. */
  async function withForeignWriter(options: Parameters<typeof makeCache>[0] = {}) {
    const name = freshName()
    const client = await connect(Client, redis.server)
    await client.set(`${name}:g:`, GENERATION)
    const cache = makeCache({ name, redis: client, redisTimeout: 10_000, memory: false, ...options })
    return { cache, client, value: (key: string) => `${name}:v:{${key}}`, generation: `${name}:g:` }
  }

  test('a frozen sample of version 1 is a hit', async () => {
    const { cache, client, value } = await withForeignWriter()
    await client.set(value('user'), stored('{"name":"Ada"}'), 'EX', 60)
    expect(await cache.get('user')).toEqual({ name: 'Ada' })
    await client.set(value('eternal'), stored('null', { durations: '- 0 0 0' }))
    expect(await cache.get('eternal')).toBeNull()
    expect(cache.stats()).toMatchObject({ hits: { redis: 2 }, errors: 0 })
  })

  test('what is stored can be read by a person with redis-cli', async () => {
    const { cache, client, value } = await withForeignWriter()
    await cache.set('user', { name: 'Ada' }, { ttl: 60_000, jitter: 0 })
    expect(await client.get(value('user'))).toMatch(/^oc1 j-- \d{13} 60000 0 0 0 14 k3J9x-2bQfAa #\n\{"name":"Ada"\}$/)
    await cache.set('eternal', 1, { ttl: Infinity })
    expect(await client.get(value('eternal'))).toMatch(/^oc1 j-- \d{13} - 0 0 0 1 k3J9x-2bQfAa #\n1$/)
  })

  test("it is stamped with Redis's clock", async () => {
    const { cache, client, value } = await withForeignWriter()
    const instant = async (): Promise<number> => Number((await client.time())[0]) * 1_000
    const before = await instant()
    await cache.getOrSet('a', () => 1)
    const at = Number((await client.get(value('a')))?.split(' ')[2])
    expect(at).toBeGreaterThanOrEqual(before)
    expect(at).toBeLessThanOrEqual((await instant()) + 1_000)
  })

  test('bytes of a codec are stored as they are', async () => {
    const codec: Codec = {
      encode: (value) => Buffer.from(value as number[]),
      decode: (stored) => [...(stored as Uint8Array)],
    }
    const { cache, client, value } = await withForeignWriter({ codec })
    const bytes = [0, 10, 13, 255, 128, 35]
    await cache.set('a', bytes)
    const bytesThere = await client.getBuffer(value('a'))
    expect([...(bytesThere?.subarray(bytesThere.indexOf(10) + 1) ?? [])]).toEqual(bytes)
    expect(await cache.get('a')).toEqual(bytes)
  })

  const bomb = '['.repeat(200_000) + ']'.repeat(200_000)
  const GARBAGE: ReadonlyArray<readonly [string, (client: RedisClient, name: string) => Promise<unknown>]> = [
    ['nothing but a newline', (client, name) => client.set(name, '\n')],
    ['an empty string', (client, name) => client.set(name, '')],
    ['JSON of another library', (client, name) => client.set(name, '{"name":"Ada"}')],
    ['random bytes', (client, name) => client.set(name, randomBytes(200))],
    ['a version of the future', (client, name) => client.set(name, stored('1', { magic: 'oc2' }))],
    ['a codec of another cache', (client, name) => client.set(name, stored('1', { marker: 't--' }))],
    ['an unknown codec', (client, name) => client.set(name, stored('1', { marker: 'x--' }))],
    ['an unknown compression', (client, name) => client.set(name, stored('1', { marker: 'jz-' }))],
    ['an unknown encryption key', (client, name) => client.set(name, stored('1', { marker: 'j-k' }))],
    ['a head without a body', (client, name) => client.set(name, stored(''))],
    ['a head cut short', (client, name) => client.set(name, stored('1').subarray(0, 20))],
    ['a body shorter than its head says', (client, name) => client.set(name, stored('12', { length: '3' }))],
    ['a body longer than its head says', (client, name) => client.set(name, stored('12', { length: '1' }))],
    ['a length of words', (client, name) => client.set(name, stored('1', { length: 'one' }))],
    ['a body that is no JSON', (client, name) => client.set(name, stored('{"name":"Ad'))],
    ['a body of words', (client, name) => client.set(name, stored('undefined'))],
    ['a body with a tail', (client, name) => client.set(name, stored('{}{}'))],
    ['a body that is no UTF-8', (client, name) => client.set(name, stored(Uint8Array.of(0x22, 0xff, 0xfe, 0x22)))],
    ['a body nested to death', (client, name) => client.set(name, stored(bomb))],
    ['an instant of words', (client, name) => client.set(name, stored('1', { at: 'yesterday' }))],
    ['an instant beyond all numbers', (client, name) => client.set(name, stored('1', { at: '9'.repeat(400) }))],
    ['a duration of words', (client, name) => client.set(name, stored('1', { durations: 'long 0 0 12' }))],
    ['a duration beyond all numbers', (client, name) => client.set(name, stored('1', { durations: 'inf 0 0 12' }))],
    ['a stale window of words', (client, name) => client.set(name, stored('1', { durations: '86400000 0 long 12' }))],
    ['a list', (client, name) => client.rpush(name, 'a', 'b')],
    ['a hash', (client, name) => client.hset(name, 'a', 'b')],
    ['a set', (client, name) => client.sadd(name, 'a')],
    ['a stream', (client, name) => client.xadd(name, '*', 'a', 'b')],
    ['a number', (client, name) => client.incr(name)],
    ['a bitmap', (client, name) => client.setbit(name, 100_000, 1)],
  ]

  test.each(GARBAGE)('%s is a counted miss, and overwritten by the next load', async (_, write) => {
    const { cache, client, value } = await withForeignWriter()
    await write(client, value('a'))
    expect(await cache.get('a')).toBeUndefined()
    expect(await cache.has('a')).toBe(false)
    expect(await cache.getMany(['a', 'b'])).toEqual([undefined, undefined])
    expect(cache.stats()).toMatchObject({ misses: 3, hits: { redis: 0 } })
    expect(await cache.getOrSet('a', () => 'loaded')).toBe('loaded')
    expect(await cache.get('a')).toBe('loaded')
    await client.del(value('a'))
    await write(client, value('a'))
    expect(await cache.set('a', 'set')).toBe(true)
    expect(await cache.get('a')).toBe('set')
    await client.del(value('a'))
    await write(client, value('a'))
    expect(await cache.expire('a')).toBe(true)
    expect(await cache.delete('a')).toBe(true)
    expect(await client.exists(value('a'))).toBe(0)
  })

  test.each([
    ['a number', 1_234_567],
    ['a text', 'a longer text of words'],
    ['an array', [1, [2, { three: 3 }]]],
    ['true', true],
  ])('a stored value that was cut is a miss, wherever it was cut: %s', async (_, original) => {
    const { cache, client, value } = await withForeignWriter()
    await cache.set('a', original)
    const whole = (await client.getBuffer(value('a'))) as Buffer
    for (let length = 0; length < whole.length; length++) {
      await client.set(value('a'), whole.subarray(0, length))
      expect(await cache.get('a'), `cut to ${length} of ${whole.length} bytes`).toBeUndefined()
    }
    await client.set(value('a'), whole)
    expect(await cache.get('a')).toEqual(original)
  })

  test('what a codec cannot decode is a counted miss, also what another cache wrote with JSON', async () => {
    const codec: Codec = {
      encode: (value) => `v:${value}`,
      decode: (stored) => {
        if (!String(stored).startsWith('v:')) throw new Error('not mine')
        return String(stored).slice(2)
      },
    }
    const { cache, client, value } = await withForeignWriter({ codec })
    await client.set(value('json'), stored('1'))
    await client.set(value('other'), stored('w:1', { marker: 't--' }))
    await client.set(value('mine'), stored('v:1', { marker: 't--' }))
    expect(await cache.getMany(['json', 'other', 'mine'])).toEqual([undefined, undefined, '1'])
    expect(cache.stats()).toMatchObject({ misses: 2, hits: { redis: 1 }, errors: 1 })
  })

  test.each([
    ['is missing, as after an eviction', (client: RedisClient, name: string) => client.del(name)],
    ['is another, as after a clear', (client: RedisClient, name: string) => client.set(name, 'other')],
    [
      'is of another type',
      async (client: RedisClient, name: string) => [await client.del(name), await client.rpush(name, 'a')],
    ],
    ['is empty', (client: RedisClient, name: string) => client.set(name, '')],
    ['is many words', (client: RedisClient, name: string) => client.set(name, 'a b,c\n#d')],
    ['is of twelve bytes, none of them ours', (client: RedisClient, name: string) => client.set(name, 'a b,c\n#d1234')],
    ['is random bytes', (client: RedisClient, name: string) => client.set(name, Buffer.from([0xff, 0xfe, 0x20, 0x0a]))],
  ])('a value whose generation %s is a miss, and the next load stores again', async (_, change) => {
    const { cache, client, generation } = await withForeignWriter()
    await cache.set('a', 'old')
    expect(await cache.get('a')).toBe('old')
    await change(client, generation)
    expect(await cache.get('a')).toBeUndefined()
    expect(await cache.getOrSet('a', () => 'new')).toBe('new')
    expect(await cache.get('a')).toBe('new')
  })

  test('a value that belongs to fewer or more generations than its view has is a miss', async () => {
    const { cache, client, value } = await withForeignWriter()
    const own = GENERATION
    for (const generations of [
      '',
      `${own},${own}`,
      `,${own}`,
      `${own},`,
      own.slice(1),
      `${own}2`,
      `${own} ${own}`,
      `${own} `,
      ` ${own}`,
    ]) {
      await client.set(value('a'), stored('1', { generations }))
      expect(await cache.get('a'), generations).toBeUndefined()
    }
  })

  test('a flush of all of Redis is no error: values are gone, and are stored again', async () => {
    const { cache, client } = await withForeignWriter()
    const both = async (): Promise<unknown[]> => [await cache.get('a'), await cache.namespace('n').get('a')]
    const fill = (view: Pick<Cache, 'set'>): Promise<boolean> => view.set('a', 1)
    await fill(cache)
    await fill(cache.namespace('n'))
    expect(await both()).toEqual([1, 1])
    await client.flushall()
    expect(await both()).toEqual([undefined, undefined])
    expect(await fill(cache)).toBe(true)
    expect(await fill(cache.namespace('n'))).toBe(true)
    expect(await both()).toEqual([1, 1])
    expect(cache.stats().errors).toBe(0)
  })

  test('random bytes in the stored form never hurt a caller', async () => {
    const { cache, client, value } = await withForeignWriter()
    await cache.set('a', { list: [1, 'two', null] })
    const whole = (await client.getBuffer(value('a'))) as Buffer
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(whole)
      const [where, what] = randomBytes(2) as unknown as [number, number]
      bytes[where % bytes.length] = what
      await client.set(value('a'), bytes)
      await cache.get('a')
    }
    expect(await cache.set('a', 1)).toBe(true)
    expect(await cache.get('a')).toBe(1)
  })
})
