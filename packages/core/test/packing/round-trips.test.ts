import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesCodec } from '../../src/codecs/bytes.js'
import { structuredCodec } from '../../src/codecs/structured.js'
import type { CacheOptions } from '../../src/index.js'
import { ALGORITHMS } from '../../src/packing/compress.js'
import { freshName, makeCache } from '../support/caches.js'
import { connect, IOREDIS, useRedis } from '../support/redis.js'
import { noUnhandledRejections } from '../support/unhandled.js'

noUnhandledRejections()

const key = fc.string().filter((name) => name !== '__proto__')
const structured = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  withUnicodeString: true,
  key,
})
/** Each at times as large as what is packed in another thread. */
const CODECS: ReadonlyArray<readonly [string, Partial<CacheOptions>, fc.Arbitrary<unknown>]> = [
  ['JSON', {}, fc.jsonValue({ noUnicodeString: false }).map((value) => JSON.parse(JSON.stringify(value)))],
  ['structured', { codec: structuredCodec }, structured.filter((value) => value !== undefined)],
  ['bytes', { codec: bytesCodec }, fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes))],
]
const encryption = { current: 'k1', keys: { k1: new Uint8Array(randomBytes(32)) } }
const PACKINGS: ReadonlyArray<readonly [string, Partial<CacheOptions>]> = [
  ['plain', {}],
  ['encrypted', { encryption }],
  ...[...ALGORITHMS.keys()].flatMap((name): ReadonlyArray<readonly [string, Partial<CacheOptions>]> => {
    const compression = { algorithm: name as 'gzip', threshold: 0 }
    return [
      [name, { compression }],
      [`${name}, encrypted`, { compression, encryption }],
    ]
  }),
]
const [{ Client }] = IOREDIS

describe.each(CODECS)('%s', (_, codec, arbitrary) => {
  const redis = useRedis()

  test.each(PACKINGS)('a value is the same on the first call, from memory, and from Redis: %s', async (_, packing) => {
    const client = await connect(Client, redis.server)
    const options = { name: freshName(), redis: client, redisTimeout: 10_000, maxValueBytes: 10_000_000, ...codec }
    const writer = makeCache({ ...options, ...packing })
    const reader = makeCache({ ...options, ...packing, memory: false })
    const repeated = fc.constantFrom(1, 1, 1, 3_000)
    let runs = 0
    await fc.assert(
      fc.asyncProperty(arbitrary, repeated, async (value, times) => {
        runs += 1
        const name = String(runs)
        const whole = repeat(value, times)
        const same = (one: unknown): void => {
          // Of bytes by the ten thousand vitest would compare one after the other.
          if (Buffer.isBuffer(whole)) expect(whole.equals(one as Buffer)).toBe(true)
          else expect(one).toStrictEqual(whole)
        }
        same(await writer.getOrSet(name, () => whole))
        same(writer.peek(name))
        same(await reader.get(name))
        expect(await reader.set(name, whole)).toBe(true)
        same(await reader.get(name))
      }),
      { numRuns: 60 },
    )
    expect([writer.stats().errors, reader.stats().errors]).toEqual([0, 0])
  })
})

/** Larger, where times say so. */
function repeat(value: unknown, times: number): unknown {
  if (Buffer.isBuffer(value)) return Buffer.alloc(value.length * times, value)
  return times === 1 ? value : { value, filling: 'filling '.repeat(times) }
}
