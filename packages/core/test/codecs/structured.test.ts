import fc from 'fast-check'
import { expect, test } from 'vitest'
import { structuredCodec } from '../../src/codecs/structured.js'
import { InvalidValueError } from '../../src/index.js'
import { freshName } from '../support/caches.js'
import { describeStores } from '../support/stores.js'
import { noUnhandledRejections } from '../support/unhandled.js'

noUnhandledRejections()

const { encode, decode } = structuredCodec

class Point {
  readonly x = 1
}

const twice = { n: 1 }
const cyclic: { self?: unknown } = {}
cyclic.self = cyclic

describeStores('structured values', (store) => {
  const make = () => store.make({ codec: structuredCodec })

  test.each<[string, unknown]>([
    ['a Date', new Date(1_763_810_000_000)],
    ['a Date that is none', new Date(Number.NaN)],
    ['a Map of objects', new Map([[{ a: 1 }, new Set([1, 'two', null])]])],
    ['a BigInt', 2n ** 200n],
    ['undefined inside', { a: undefined, list: [undefined, null] }],
    ['numbers that JSON has not', [Number.NaN, Infinity, -Infinity, -0]],
    ['holes', Object.assign(new Array(3), { 1: 'one' })],
    ['a RegExp', /a+\/b/giu],
    ['a URL', new URL('https://example.org/?a=1#b')],
    ['typed arrays', { a: Float64Array.of(0.5, -0), b: BigInt64Array.of(-1n), c: new DataView(new ArrayBuffer(3)) }],
    ['an ArrayBuffer', Uint8Array.of(1, 2, 3).buffer],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
    ['what is plain JSON', { a: [1, 'two', null, { b: true }] }],
    ['a cycle', cyclic],
    ['text of all kinds', ['é', '\u2028', '</script>', '\0', '👩‍👩‍👧', '\ud800']],
  ])('%s is the same from a load, from memory, from Redis and from a set', async (_, value) => {
    const cache = await make()
    expect(await cache.getOrSet('a', () => value)).toStrictEqual(value)
    expect(await cache.get('a')).toStrictEqual(value)
    expect(await cache.getMany(['a'])).toStrictEqual([value])
    expect(await cache.set('b', value)).toBe(true)
    expect(await cache.get('b')).toStrictEqual(value)
  })

  test.each<[string, unknown]>([
    ['an object of a class', new Point()],
    ['an Error', new Error('no')],
    ['a function', { f() {} }],
    ['a symbol', [Symbol('s')]],
    ['a symbol for a name', { [Symbol('s')]: 1 }],
    ['a promise inside', [Promise.resolve(1)]],
    ['a WeakMap', new WeakMap()],
    ['a property named __proto__', JSON.parse('{"__proto__":{"polluted":true}}')],
  ])('%s is refused, by set and by getOrSet', async (_, value) => {
    const cache = await make()
    await expect(cache.set('a', value)).rejects.toBeInstanceOf(InvalidValueError)
    await expect(cache.getOrSet('a', () => value)).rejects.toBeInstanceOf(InvalidValueError)
    expect(await cache.has('a')).toBe(false)
  })

  test('what cannot be frozen is copied for each caller, and all else is frozen', async () => {
    const cache = await make()
    const dated = (): Promise<{ at: Date; list: number[] }> =>
      cache.getOrSet('dated', () => ({ at: new Date(0), list: [1] }))
    for (const mine of [await dated(), await dated()]) {
      expect(mine).toEqual({ at: new Date(0), list: [1] })
      mine.at.setFullYear(2000)
    }
    const plain = await cache.getOrSet('plain', () => ({ id: 1n, list: [undefined] }))
    expect([Object.isFrozen(plain), Object.isFrozen(plain.list)]).toEqual([true, true])
  })

  test('what occurs twice is one object for a caller as well', async () => {
    const cache = await make()
    for (const read of [() => cache.getOrSet('a', () => [twice, twice]), () => cache.get<unknown[]>('a')]) {
      const [one, other] = (await read()) as unknown[]
      expect(one).toBe(other)
    }
  })

  test('what JSON has stored is a miss', async () => {
    const name = freshName()
    await (await store.make({ name })).set('a', [1])
    const reader = await store.make({ name, codec: structuredCodec })
    expect(await reader.get('a')).toBeUndefined()
    expect(await reader.getOrSet('a', () => new Set([1]))).toEqual(new Set([1]))
  })
})

test('whatever it encodes comes back as it was', () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
    withNullPrototype: true,
    withBoxedValues: true,
    withUnicodeString: true,
    key: fc.string().filter((key) => key !== '__proto__'),
  })
  fc.assert(
    fc.property(anything, (value) => {
      expect(decode(encode(value))).toStrictEqual(value)
    }),
    { numRuns: 1_000 },
  )
})

test('a view is stored without what else lies in its buffer', () => {
  const pool = Buffer.from('secret ab secret')
  for (const view of [
    new Uint8Array(pool.buffer, pool.byteOffset + 7, 2),
    new DataView(pool.buffer, pool.byteOffset + 7, 2),
    pool.subarray(7, 9),
  ]) {
    const text = encode({ view }) as string
    expect(text.length).toBeLessThan(70)
    const { view: decoded } = decode(text) as { view: ArrayBufferView }
    expect(Buffer.from(decoded.buffer, decoded.byteOffset, decoded.byteLength).toString()).toBe('ab')
    expect(decoded.buffer.byteLength).toBe(2)
  }
})

test.each([
  '',
  '[',
  '{}',
  '5',
  '[[1],[1,2]]',
  '[["Unknown",1]]',
  '[["Uint8Array",1],4294967296]',
  '[{"__proto__":1},{"polluted":2},true]',
  '[["Object",0]]',
  '[[-7,4294967295,4294967296,1],1]',
  '['.repeat(200_000),
  Uint8Array.of(91, 93),
])('what it did not write is refused: %.30s', (stored) => {
  expect(() => decode(stored)).toThrow()
})

test('a small text does not become a large value', () => {
  const before = process.memoryUsage()
  const sparse = decode('[[-7,4294967295]]')
  const after = process.memoryUsage()
  expect((sparse as unknown[]).length).toBe(4_294_967_295)
  expect(after.rss - before.rss).toBeLessThan(100_000_000)
})
