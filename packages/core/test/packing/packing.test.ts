import { randomBytes } from 'node:crypto'
import zlib from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ALGORITHMS } from '../../src/packing/compress.js'
import { type Packed, Packing, type PackingOptions } from '../../src/packing/packing.js'
import { type Place, placeOf } from '../../src/place.js'
import { pageOf } from '../support/documents.js'

const KEY = Uint8Array.from({ length: 32 }, (_, index) => index)
const ENCRYPTION = { current: 'k1', keys: { k1: KEY } }
const MIB = 1_048_576
const PLACE = placeOf('', '42')

function nameOf({ path, key }: Place): string {
  return `users:v:${path}{${key}}`
}

function packing(options: Partial<PackingOptions> = {}): Packing {
  return new Packing({ compression: undefined, encryption: undefined, maxValueBytes: MIB, ...options }, nameOf)
}

function compressing(name: string, threshold = 0): PackingOptions['compression'] {
  const algorithm = ALGORITHMS.get(name)
  return algorithm && { algorithm, threshold }
}

function json(value: unknown): Packed {
  return { marker: 'j--', body: JSON.stringify(value) }
}

function bytesOf({ body }: Packed): Buffer {
  return Buffer.from(body as Uint8Array)
}

const algorithms = [...ALGORITHMS.keys()]
const NOTHING_DONE = packing()
const SEALING = packing({ encryption: ENCRYPTION })

/**
 * Stored bytes are an interface: these are what releases have written, and every later one reads them. None is changed.
 */
const LIST = json({ name: 'Ada', list: Array(12).fill('Ada') })
const FROZEN = [
  ['jg-', 'AAAAX0qQju8fiwgAAAAAAAQDq1bKS8xNVbJSckxJVNJRysksLlGyiobyIGLkk7G1AO+OkEpfAAAA', LIST],
  ['jb-', 'AAAAX0qQju8LLwAAgKqqqur/dKezHE5yk8tZQA4CIHJQgOWielNQ2ICDgXUIU9t1Nhhr7PB87FyNYpUIc5yLuqQ+OuMP', LIST],
  ['jz-', 'AAAAX0qQju8otS/9IF8NAQDAeyJuYW1lIjoiQWRhIiwibGlzdCI6W119AgBNkUBkswk=', LIST],
  ['j-k1', '0KMta4Xclu3ZHept2+g2IusDntGRqacVR3xEdIYtPLnZPaJC3RhRYP1vFoO0+gOau41fkj1u', json({ name: 'Ada' })],
  [
    'b-k1',
    'y389AkXmsJ8sYdzM9YsjTs4UUidlrHSC3P7IjJDkjsAm//8si/lfun2IEg==',
    { marker: 'b--', body: Uint8Array.of(0, 10, 255) },
  ],
  [
    'jbk1',
    'pBvg1tbLe/10h8uvxiTvDFWv4Ul+Y/4HDtKj2gEbAN+gFDUitzu3vVpqypm7TCO9YeOIbHd/LBcppkq9b86X3T2R0nJmMWoB109ZAphD4GuqWrSZPxGk5QkefyeyTLazYj8AYCXA9t8FrAv/Ig==',
    LIST,
  ],
] as const

test.each(FROZEN)('the frozen sample of %s is read', async (marker, base64, plain) => {
  const stored = { marker, body: new Uint8Array(Buffer.from(base64, 'base64')) }
  const reader = marker.endsWith('k1') ? SEALING : NOTHING_DONE
  if (marker === 'jz-' && !ALGORITHMS.has('zstd')) await expect(reader.unpack(PLACE, stored)).rejects.toThrow()
  else expect(await reader.unpack(PLACE, stored)).toEqual(plain)
})

describe.each(algorithms)('compressed by %s', (name) => {
  const compression = compressing(name)
  const own = packing({ compression })

  // Below 16 kB at once, above in another thread.
  test.each([1_000, 16_000, 17_000, 200_000])('%i bytes come back, from fewer', async (size) => {
    const text = json(pageOf(size))
    const packed = await own.pack(PLACE, text)
    expect(packed.marker).toBe(`j${compression?.algorithm.letter}-`)
    expect(bytesOf(packed).length).toBeLessThan((text.body.length * 2) / 3)
    expect(await own.unpack(PLACE, packed)).toEqual(text)
    const bytes = { marker: 'b--', body: new Uint8Array(Buffer.from(text.body as string)) }
    const unpacked = await own.unpack(PLACE, await own.pack(PLACE, bytes))
    expect(unpacked.marker).toBe('b--')
    expect(bytesOf(unpacked).equals(bytes.body)).toBe(true)
  })

  test('what would not become smaller is left as it is', async () => {
    for (const plain of [json(''), json('short'), { marker: 'b--', body: new Uint8Array(randomBytes(50_000)) }]) {
      const { marker, body } = await own.pack(PLACE, plain)
      expect(marker).toBe(plain.marker)
      expect(body).toBe(plain.body)
    }
  })

  test('what is smaller than the threshold is left as it is', async () => {
    const text = json('x'.repeat(498))
    expect((await packing({ compression: compressing(name, 500) }).pack(PLACE, text)).marker).not.toBe('j--')
    expect(await packing({ compression: compressing(name, 501) }).pack(PLACE, text)).toEqual(text)
  })

  test('whatever compresses reads it, and whatever encrypts', async () => {
    const text = json(pageOf(3_000))
    for (const other of algorithms) {
      expect(await packing({ compression: compressing(other) }).unpack(PLACE, await own.pack(PLACE, text))).toEqual(
        text,
      )
    }
    const both = packing({ compression, encryption: ENCRYPTION })
    expect(await SEALING.unpack(PLACE, await both.pack(PLACE, text))).toEqual(text)
  })

  test('every flipped bit is noticed, and every cut', async () => {
    const packed = await own.pack(PLACE, json(pageOf(600)))
    await expectNoticed(own, packed)
  })

  // A few hundred kilobytes may say that they are gigabytes, and be them.
  test('a bomb is refused, whatever it says of itself, before it has grown', async () => {
    const most = 16 * MIB
    const space = Buffer.alloc(most + 1, ' ')
    const writer = packing({ compression, maxValueBytes: 100 * MIB })
    const bomb = bytesOf(await writer.pack(PLACE, { marker: 'b--', body: space }))
    expect(bomb.length).toBeLessThan(100_000)
    const claiming = (length: number): Packed => {
      const body = Buffer.from(bomb)
      body.writeUInt32BE(length)
      return { marker: `b${compression?.algorithm.letter}-`, body }
    }
    for (const length of [most + 1, 2 ** 32 - 1]) {
      await expect(own.unpack(PLACE, claiming(length))).rejects.toThrow('more than may be')
    }
    for (const length of [1, 1_000, 16_000, 17_000, most]) {
      // zlib itself says so, and no sooner than it has that much.
      await expect(own.unpack(PLACE, claiming(length))).rejects.toMatchObject({ code: 'ERR_BUFFER_TOO_LARGE' })
    }
    await expect(own.unpack(PLACE, claiming(0))).rejects.toThrow()
  })

  test('what would be refused as a bomb is not compressed', async () => {
    const most = Buffer.alloc(16 * MIB, ' ')
    expect((await own.pack(PLACE, { marker: 'b--', body: most })).marker).not.toBe('b--')
    const more = Buffer.alloc(16 * MIB + 1, ' ')
    expect((await own.pack(PLACE, { marker: 'b--', body: more })).marker).toBe('b--')
  })
})

test('what a codec made is neither text nor bytes by accident: its kind is kept', async () => {
  const own = packing({ compression: compressing('gzip'), encryption: ENCRYPTION })
  for (const plain of [
    { marker: 't--', body: 'é'.repeat(2_000) },
    { marker: 'b--', body: new Uint8Array(2_000) },
    { marker: 't--', body: '' },
    { marker: 'b--', body: new Uint8Array() },
  ]) {
    expect(await own.unpack(PLACE, await own.pack(PLACE, plain))).toEqual(plain)
  }
  const noText = await own.pack(PLACE, { marker: 'j--', body: Uint8Array.of(0xff, 0xfe) })
  await expect(own.unpack(PLACE, noText)).rejects.toThrow('no text')
})

test('bytes do not keep a larger buffer alive', async () => {
  const own = packing({ compression: compressing('gzip') })
  const { body } = await own.unpack(PLACE, await own.pack(PLACE, { marker: 'b--', body: new Uint8Array(100) }))
  expect((body as Uint8Array).buffer.byteLength).toBe(100)
})

describe('encrypted', () => {
  const text = json({ name: 'Ada' })

  test('no word of it is to be seen', async () => {
    const packed = await SEALING.pack(PLACE, text)
    expect(packed.marker).toBe('j-k1')
    expect(bytesOf(packed).includes('Ada')).toBe(false)
    expect(await SEALING.unpack(PLACE, packed)).toEqual(text)
  })

  test('every flipped bit is noticed, and every cut', async () => {
    await expectNoticed(SEALING, await SEALING.pack(PLACE, text))
  })

  test.each([
    ['key', placeOf('', '43')],
    ['namespace', placeOf('a:', '42')],
  ])('it cannot be moved to another %s', async (_, other) => {
    await expect(SEALING.unpack(other, await SEALING.pack(PLACE, text))).rejects.toThrow()
  })

  test('it cannot be given to another codec, nor be called compressed, nor another key named for it', async () => {
    const reader = packing({ encryption: { current: 'k1', keys: { k1: KEY, k2: KEY } } })
    const packed = await SEALING.pack(PLACE, text)
    expect(await reader.unpack(PLACE, packed)).toEqual(text)
    for (const marker of ['t-k1', 'b-k1', 'jgk1', 'jbk1', 'j-k2']) {
      await expect(reader.unpack(PLACE, { ...packed, marker })).rejects.toThrow()
    }
  })

  test('it is read by whoever has its key, and nobody else', async () => {
    const [older, newer] = [KEY, new Uint8Array(randomBytes(32))]
    const before = packing({ encryption: { current: 'a', keys: { a: older } } })
    const rotating = packing({ encryption: { current: 'b', keys: { a: older, b: newer } } })
    const after = packing({ encryption: { current: 'b', keys: { b: newer } } })
    const byOlder = await before.pack(PLACE, text)
    const byNewer = await rotating.pack(PLACE, text)
    expect([byOlder.marker, byNewer.marker]).toEqual(['j-a', 'j-b'])
    expect(await rotating.unpack(PLACE, byOlder)).toEqual(text)
    expect(await rotating.unpack(PLACE, byNewer)).toEqual(text)
    expect(await after.unpack(PLACE, byNewer)).toEqual(text)
    for (const [reader, stored] of [
      [after, byOlder],
      [before, byNewer],
      [packing({ encryption: { current: 'a', keys: { a: newer } } }), byOlder],
      [NOTHING_DONE, byOlder],
    ] as const) {
      await expect(reader.unpack(PLACE, stored)).rejects.toThrow()
    }
  })

  test('where values are encrypted, one that is not is refused', async () => {
    await expect(SEALING.unpack(PLACE, text)).rejects.toThrow('unknown key')
    const compressed = await packing({ compression: compressing('gzip') }).pack(PLACE, json(pageOf(500)))
    await expect(SEALING.unpack(PLACE, compressed)).rejects.toThrow('unknown key')
  })

  test('nothing random comes twice, not even its half that is the nonce, or the other that makes the key', async () => {
    const halves = new Set<string>()
    const count = 20_000
    for (let round = 0; round < count; round++) {
      const random = bytesOf(await SEALING.pack(PLACE, text)).toString('hex', 0, 24)
      halves.add(random.slice(0, 24)).add(random.slice(24))
    }
    expect(halves.size).toBe(2 * count)
  })

  test('keys that the application overwrites are still known', async () => {
    const own = new Uint8Array(KEY)
    const keyring = packing({ encryption: { current: 'k1', keys: { k1: own } } })
    own.fill(0)
    expect(await SEALING.unpack(PLACE, await keyring.pack(PLACE, text))).toEqual(text)
  })

  test('what is both was compressed first', async () => {
    const both = packing({ compression: compressing('brotli'), encryption: ENCRYPTION })
    const large = json(pageOf(20_000))
    const packed = await both.pack(PLACE, large)
    expect(packed.marker).toBe('jbk1')
    expect(bytesOf(packed).length).toBeLessThan(large.body.length / 2)
    expect(await both.unpack(PLACE, packed)).toEqual(large)
  })
})

test('random bytes are never read', async () => {
  for (let round = 0; round < 2_000; round++) {
    const body = new Uint8Array(randomBytes(round % 100))
    for (const letter of ['g', 'b', 'z', 'x']) {
      await expect(NOTHING_DONE.unpack(PLACE, { marker: `b${letter}-`, body })).rejects.toThrow()
    }
    await expect(SEALING.unpack(PLACE, { marker: 'b-k1', body })).rejects.toThrow()
  }
})

/** Wherever one bit is another, or the end is missing. */
async function expectNoticed(reader: Packing, packed: Packed): Promise<void> {
  const whole = bytesOf(packed)
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const body = Buffer.from(whole)
    body[bit >> 3] = (body[bit >> 3] as number) ^ (1 << (bit & 7))
    const read = await reader.unpack(PLACE, { ...packed, body }).catch(() => 'noticed')
    // Some bits say nothing: gzip's time and system.
    if (read !== 'noticed') expect(read).toEqual(await reader.unpack(PLACE, packed))
  }
  for (let length = 0; length < whole.length; length++) {
    const body = whole.subarray(0, length)
    await expect(reader.unpack(PLACE, { ...packed, body })).rejects.toThrow()
  }
}

test('this Node.js has what it is believed to have', () => {
  expect(algorithms).toEqual('zstdCompress' in zlib ? ['gzip', 'brotli', 'zstd'] : ['gzip', 'brotli'])
})
