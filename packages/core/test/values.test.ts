import { describe, expect, test } from 'vitest'
import { type Codec, entry, InvalidValueError } from '../src/index.js'
import { freshName, makeCache } from './support/caches.js'
import { describeStores } from './support/stores.js'
import { noUnhandledRejections } from './support/unhandled.js'

noUnhandledRejections()

class Point {
  readonly x: number
  constructor(x: number) {
    this.x = x
  }
}

/** Keeps what JSON would not: a Date and a Map. */
const RICH: Codec = {
  encode: (value) =>
    JSON.stringify(value, function (this: Record<string, unknown>, name, text) {
      const raw = this[name]
      if (raw instanceof Date) return { $date: raw.getTime() }
      if (raw instanceof Map) return { $map: [...raw] }
      return text
    }),
  decode: (stored) =>
    JSON.parse(String(stored), (_, value) => {
      if (value?.$date !== undefined) return new Date(value.$date)
      return value?.$map === undefined ? value : new Map(value.$map)
    }),
}

/** The simplest codec there is for bytes. */
const BYTES: Codec = { encode: (value) => value as Uint8Array, decode: (stored) => stored }

function nested(depth: number): unknown {
  let value: unknown = 'leaf'
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { inner: value }
  return value
}

function everyObject(value: unknown): object[] {
  return typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(everyObject)] : []
}

describeStores('values', (store) => {
  const ROUND_TRIPS: ReadonlyArray<readonly [string, unknown]> = [
    ['an empty string', ''],
    ['zero', 0],
    ['false', false],
    ['null', null],
    ['true', true],
    ['a number', -1.5e-7],
    ['an empty array', []],
    ['an empty object', {}],
    ['nested nulls', { a: [null, { b: null }] }],
    ['a newline and quotes', 'a\nb"c\\d'],
    ['what looks like the stored form', 'oc1 j-- 1 1 0 0 0 x #\n"y"'],
    ['a NUL', 'a\0b'],
    ['a lone surrogate', '\ud800'],
    ['emoji', '👩‍👩‍👧‍👦 é'],
    ['a property named __proto__', JSON.parse('{"__proto__":{"polluted":true},"constructor":1}')],
    ['an object of the shape that entry() makes', { value: 1, lifetime: { ttl: 5 } }],
    ['a deep tree', nested(500)],
    ['300 kB', 'é'.repeat(150_000)],
  ]

  test.each(ROUND_TRIPS)('%s is the same from a load, from get and from getMany', async (_, value) => {
    const cache = await store.make()
    expect(await cache.getOrSet('loaded', () => value)).toEqual(value)
    expect(await cache.get('loaded')).toEqual(value)
    expect(await cache.getOrSet('loaded', () => 'another')).toEqual(value)
    expect(await cache.set('set', value)).toBe(true)
    expect(await cache.getMany(['set', 'loaded'])).toEqual([value, value])
  })

  const CHANGES: ReadonlyArray<readonly [string, unknown, unknown]> = [
    ['a Date becomes a string', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['NaN becomes null', Number.NaN, null],
    ['-0 becomes 0', -0, 0],
    ['undefined properties vanish', { a: undefined, b: 1 }, { b: 1 }],
    ['undefined elements become null', [undefined], [null]],
    ['a Map becomes {}', new Map([['a', 1]]), {}],
    ['an instance becomes a plain object', new Point(1), { x: 1 }],
    ['toJSON has its say', { toJSON: () => 'said' }, 'said'],
  ]

  test.each(CHANGES)('what JSON changes is changed on the first call too: %s', async (_, value, expected) => {
    const cache = await store.make()
    const first = await cache.getOrSet('a', () => value)
    expect(first).toStrictEqual(expected)
    expect(await cache.get('a')).toStrictEqual(expected)
    await cache.set('b', value)
    expect(await cache.get('b')).toStrictEqual(expected)
  })

  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  const REFUSED: ReadonlyArray<readonly [string, unknown]> = [
    ['a BigInt', 1n],
    ['a BigInt inside', { a: [1n] }],
    ['a cycle', cyclic],
    ['a function', () => {}],
    ['a symbol', Symbol('s')],
    ['what toJSON makes undefined', { toJSON: () => undefined }],
    ['a tree too deep to encode', nested(100_000)],
  ]

  test.each(REFUSED)('%s is refused with InvalidValueError and its cause, by set and by getOrSet', async (_, value) => {
    const cache = await store.make()
    await cache.set('a', 'old')
    const refusal = await cache.set('a', value).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(InvalidValueError)
    expect(refusal).toMatchObject({ code: 'ERR_CACHE_INVALID_VALUE', cause: expect.any(Error) })
    expect(await cache.get('a')).toBe('old')
    await expect(cache.getOrSet('b', () => value)).rejects.toBeInstanceOf(InvalidValueError)
    expect(await cache.has('b')).toBe(false)
  })

  // A promise was once stored as {}. That it is refused must not leave its rejection to the process.
  test('a promise is refused, whether it will be kept or not', async () => {
    const cache = await store.make()
    for (const make of [async () => 'value', () => Promise.reject(new Error('origin'))]) {
      const calls = [
        () => cache.set('a', make()),
        () => cache.setMany([['a', make()]]),
        () => cache.getOrSet('a', () => entry(make(), { ttl: 5_000 })),
        () => cache.getOrSet('a', () => entry<unknown>(make(), { ttl: 5_000 }), { refresh: true }),
      ]
      for (const call of calls) await expect(call()).rejects.toBeInstanceOf(InvalidValueError)
    }
    expect(await cache.has('a')).toBe(false)
  })

  test('what throws when it is asked whether it is a promise is refused too', async () => {
    const cache = await store.make()
    const hostile = {
      // biome-ignore lint/suspicious/noThenProperty: that is what this is about
      get then(): never {
        throw new Error('then')
      },
    }
    await expect(cache.set('a', hostile)).rejects.toBeInstanceOf(InvalidValueError)
    await expect(cache.getOrSet('a', () => entry(hostile, {}))).rejects.toBeInstanceOf(InvalidValueError)
  })

  // Callers once got a promise for a value, or its rejection reached nobody.
  test('a codec that returns promises is refused by the first call', async () => {
    const later = async (value: unknown): Promise<never> => value as never
    const never = (): Promise<never> => Promise.reject(new Error('codec'))
    for (const codec of [
      { encode: JSON.stringify, decode: later },
      { encode: JSON.stringify, decode: never },
      { encode: later, decode: JSON.parse },
      { encode: never, decode: JSON.parse },
    ] as unknown as Codec[]) {
      for (const values of ['frozen', 'copy'] as const) {
        const cache = await store.make({ codec, values })
        await expect(cache.getOrSet('a', () => 1)).rejects.toBeInstanceOf(InvalidValueError)
        await expect(cache.set('a', 1)).rejects.toBeInstanceOf(InvalidValueError)
        expect(await cache.get('a')).toBeUndefined()
      }
    }
  })

  // What another release's codec wrote is then undecodable, and the caller loads.
  test('a codec that decodes by promises reads nothing that is stored', async () => {
    const name = freshName()
    const writer = await store.make({
      name,
      codec: { encode: JSON.stringify, decode: (text) => JSON.parse(`${text}`) },
    })
    await writer.set('a', 1)
    const never = { encode: JSON.stringify, decode: () => Promise.reject(new Error('codec')) }
    const reader = await store.make({ name, codec: never })
    expect(await reader.get('a')).toBeUndefined()
  })

  test('set of undefined is refused, in a batch too', async () => {
    const cache = await store.make()
    await expect(cache.set('a', undefined)).rejects.toBeInstanceOf(InvalidValueError)
    await expect(cache.setMany([['a', undefined]])).rejects.toBeInstanceOf(InvalidValueError)
    await expect(cache.setMany([['a'] as unknown as [string, unknown]])).rejects.toBeInstanceOf(InvalidValueError)
  })

  test('shared values are frozen all the way down, so that a mutation throws', async () => {
    const cache = await store.make()
    const value = { a: [{ b: { c: 1 } }], ['__proto__']: { d: {} } }
    const found = [await cache.getOrSet('a', () => value), await cache.get('a'), ...(await cache.getMany(['a']))]
    for (const one of found) {
      expect(everyObject(one).every((object) => Object.isFrozen(object))).toBe(true)
      expect(() => {
        ;(one as typeof value).a[0] = { b: { c: 2 } }
      }).toThrow(TypeError)
    }
  })

  test.each(['frozen', 'copy'] as const)(
    "the loader's own object is neither frozen nor shared (%s)",
    async (values) => {
      const cache = await store.make({ values })
      const own = { inner: { list: [1] } }
      const first = await cache.getOrSet('a', () => own)
      await cache.set('b', own)
      expect(everyObject(own).some((object) => Object.isFrozen(object))).toBe(false)
      own.inner.list.push(2)
      expect(first).toEqual({ inner: { list: [1] } })
      expect(await cache.getMany(['a', 'b'])).toEqual([{ inner: { list: [1] } }, { inner: { list: [1] } }])
    },
  )

  test("with values: 'copy' each caller may do with a value as it likes", async () => {
    const cache = await store.make({ values: 'copy' })
    const load = () => ({ list: [1] })
    const [leader, waiter] = await Promise.all([cache.getOrSet('a', load), cache.getOrSet('a', load)])
    const rest = [await cache.get('a'), await cache.get('a'), ...(await cache.getMany(['a', 'a']))]
    const all = [leader, waiter, ...rest, cache.peek('a')].filter((one) => one !== undefined) as Array<typeof leader>
    for (const one of all) {
      expect(one).toEqual({ list: [1] })
      one.list.push(2)
    }
    expect(await cache.get('a')).toEqual({ list: [1] })
  })

  test('a codec brings back what JSON cannot, and each caller gets a copy of what cannot be frozen', async () => {
    const cache = await store.make({ codec: RICH })
    const load = () => ({ at: new Date(0), names: new Map([['a', 1]]) })
    const [leader, waiter] = await Promise.all([cache.getOrSet('a', load), cache.getOrSet('a', load)])
    const all = [leader, waiter, await cache.get('a'), ...(await cache.getMany(['a'])), cache.peek('a')]
    for (const one of all.filter((one) => one !== undefined) as Array<typeof leader>) {
      expect(one).toEqual({ at: new Date(0), names: new Map([['a', 1]]) })
      one.at.setTime(1)
      one.names.clear()
    }
    expect(await cache.get('a')).toEqual(load())
  })

  test('a codec for bytes stores them as they are, and nobody shares them', async () => {
    const cache = await store.make({ codec: BYTES })
    const own = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const expected = [...own]
    const loaded = await cache.getOrSet('loaded', () => own)
    await cache.set('set', own)
    own.fill(0)
    loaded.fill(1)
    for (const key of ['loaded', 'set']) {
      const found = await cache.get<Uint8Array>(key)
      expect([...(found ?? [])]).toEqual(expected)
      found?.fill(2)
      expect([...((await cache.get<Uint8Array>(key)) ?? [])]).toEqual(expected)
    }
  })

  test('bytes and text of a codec are told apart: it gets back the kind that it gave, on the first call as on the next', async () => {
    const kinds: string[] = []
    const codec: Codec = {
      encode: (value) => (value === 'text' ? 'text' : Buffer.from('bytes')),
      decode: (stored) => {
        // What a Buffer and a Uint8Array do with String() differs.
        kinds.push(`${typeof stored} ${String(stored)}`)
        return [String(stored)]
      },
    }
    const cache = await store.make({ codec })
    for (const kind of ['text', 'bytes']) {
      const first = await cache.getOrSet(kind, () => kind)
      expect(await cache.get(kind)).toEqual(first)
    }
    expect(new Set(kinds).size).toBe(2)
  })

  test('text of a codec that has no UTF-8 form is the same from the first call on, or refused', async () => {
    const cache = await store.make({ codec: { encode: String, decode: String } })
    const first = await cache.getOrSet('a', () => 'a\ud800b').catch((error: unknown) => error)
    if (first instanceof InvalidValueError) return
    const other = await store.make({ name: cache.name, codec: { encode: String, decode: String } })
    expect([first, undefined]).toContain(await other.get('a'))
    expect(await cache.get('a')).toBe(first)
  })

  test('what a codec froze at the top only is not shared with a mutable inside', async () => {
    const codec: Codec = {
      encode: (value) => JSON.stringify(value),
      decode: (stored) => Object.freeze(JSON.parse(String(stored))),
    }
    const cache = await store.make({ codec })
    const first = (await cache.getOrSet('a', () => ({ inner: { n: 1 } }))) as { inner: { n: number } }
    try {
      first.inner.n = 2
    } catch {}
    expect(await cache.get('a')).toEqual({ inner: { n: 1 } })
  })

  test.each([
    ['nothing', () => undefined],
    ['a number', () => 5],
    ['a promise', async () => 'text'],
  ])('a codec that encodes to %s is refused', async (_, encode) => {
    const cache = await store.make({ codec: { encode: encode as unknown as Codec['encode'], decode: String } })
    await expect(cache.set('a', 1)).rejects.toBeInstanceOf(InvalidValueError)
    await expect(cache.getOrSet('a', () => 1)).rejects.toBeInstanceOf(InvalidValueError)
  })

  test.each([
    ['an Error', new TypeError('no')],
    ['a string', 'no'],
    ['a symbol', Symbol('no')],
    ['an object without a prototype', Object.create(null)],
    ['undefined', undefined],
  ])('a codec that throws %s has it as the cause of an InvalidValueError', async (_, thrown) => {
    const fail = () => {
      throw thrown
    }
    for (const codec of [
      { encode: fail, decode: String },
      { encode: String, decode: fail },
    ]) {
      const cache = await store.make({ codec })
      const refusal = await cache.set('a', 1).catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(InvalidValueError)
      expect((refusal as InvalidValueError).cause).toBe(thrown)
    }
  })
})

describe('what memory shares', () => {
  test('a frozen value is one object for every caller', async () => {
    const cache = makeCache()
    const first = await cache.getOrSet('a', () => ({ n: 1 }))
    expect(await cache.get('a')).toBe(first)
    expect(cache.peek('a')).toBe(first)
  })
})
