import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { readStored, writePieces } from '../src/redis/stored-form.js'

/**
 * Stored bytes are an interface: these are what releases have written, and every later one reads them. A line may be
 * added for a new version, and none changed.
 */
const FROZEN = [
  {
    sample: 'JSON',
    bytes: Buffer.from('oc1 j-- 1763810000000 3600000 0 0 12 14 k3J9x-2bQfAa #\n{"name":"Ada"}'),
    read: {
      marker: 'j--',
      storedAt: 1_763_810_000_000,
      span: { fresh: 3_600_000, staleWhileRevalidate: 0, staleIfError: 0 },
      loadDuration: 12,
      generations: ['k3J9x-2bQfAa'],
      tags: [],
      body: '{"name":"Ada"}',
    },
  },
  {
    sample: 'JSON for ever, with tags, in two views',
    bytes: Buffer.from('oc1 j-- 1763810000000 - 5000 - 0 4 a,b,c,d,e,f #caf%C3%A9,x%2Cy%20z\nnull'),
    read: {
      marker: 'j--',
      storedAt: 1_763_810_000_000,
      span: { fresh: Infinity, staleWhileRevalidate: 5_000, staleIfError: Infinity },
      loadDuration: 0,
      generations: ['a', 'b', 'c', 'd', 'e', 'f'],
      tags: ['café', 'x,y z'],
      body: 'null',
    },
  },
  {
    sample: "another codec's text",
    bytes: Buffer.from('oc1 t-- 1763810000000 1 0 0 0 20 id #\nline one\nline two é'),
    read: {
      marker: 't--',
      storedAt: 1_763_810_000_000,
      span: { fresh: 1, staleWhileRevalidate: 0, staleIfError: 0 },
      loadDuration: 0,
      generations: ['id'],
      tags: [],
      body: 'line one\nline two é',
    },
  },
  {
    sample: "another codec's bytes",
    bytes: Buffer.concat([Buffer.from('oc1 b-- 1763810000000 1 0 0 0 5 id #\n'), Buffer.from([0, 10, 255, 128, 10])]),
    read: {
      marker: 'b--',
      storedAt: 1_763_810_000_000,
      span: { fresh: 1, staleWhileRevalidate: 0, staleIfError: 0 },
      loadDuration: 0,
      generations: ['id'],
      tags: [],
      body: Uint8Array.of(0, 10, 255, 128, 10),
    },
  },
  {
    sample: 'what is compressed and encrypted, under a key id of several places',
    bytes: Buffer.concat([
      Buffer.from('oc1 jg2025-11 1763810000000 1 0 0 0 5 id #\n'),
      Buffer.from([0, 10, 255, 128, 10]),
    ]),
    read: {
      marker: 'jg2025-11',
      storedAt: 1_763_810_000_000,
      span: { fresh: 1, staleWhileRevalidate: 0, staleIfError: 0 },
      loadDuration: 0,
      generations: ['id'],
      tags: [],
      body: Uint8Array.of(0, 10, 255, 128, 10),
    },
  },
] as const

describe.each(FROZEN)('the frozen sample of version 1: $sample', ({ bytes, read }) => {
  test('is read', () => {
    const stored = readStored(bytes)
    const generations = read.generations.join(',')
    expect(stored).toMatchObject({ ...read, generations, body: expect.anything(), bytes: bytes.length })
    expect(stored?.body instanceof Uint8Array ? [...stored.body] : stored?.body).toEqual(
      typeof read.body === 'string' ? read.body : [...read.body],
    )
  })

  test('is what is written', () => {
    const { marker, storedAt, span, loadDuration, generations, tags, body } = read
    const [beforeStoredAt, beforeGenerations, beforeBody] = writePieces(
      { marker, span, loadDuration, tags },
      Buffer.byteLength(body),
    )
    const head = `${beforeStoredAt}${storedAt}${beforeGenerations}${generations.join(',')}${beforeBody}`
    expect(Buffer.concat([Buffer.from(head), Buffer.from(body)])).toEqual(bytes)
  })

  test('does not keep the buffer alive from which it was read', () => {
    const stored = readStored(bytes)
    if (stored?.body instanceof Uint8Array) expect(stored.body.buffer.byteLength).toBe(stored.body.byteLength)
  })

  test('is nothing when cut anywhere, or longer than it says', () => {
    expect(readStored(Buffer.concat([bytes, Buffer.of(32)]))).toBeUndefined()
    for (let length = 0; length < bytes.length; length++) expect(readStored(bytes.subarray(0, length))).toBeUndefined()
  })
})

const HEAD = 'oc1 j-- 1763810000000 1000 0 0 0 1 id #'
test.each([
  ['nothing', ''],
  ['JSON without a head', '{"name":"Ada"}'],
  ['a head without a body line', HEAD],
  ['version 2', `${HEAD.replace('oc1', 'oc2')}\n1`],
  ['version 10', `${HEAD.replace('oc1', 'oc10')}\n1`],
  ['an upper-case magic', `${HEAD.replace('oc1', 'OC1')}\n1`],
  ['a short marker', `${HEAD.replace('j--', 'j')}\n1`],
  ['a marker of two places', `${HEAD.replace('j--', 'j-')}\n1`],
  ['no marker', `${HEAD.replace('j--', '')}\n1`],
  ['a field too few', `${HEAD.replace(' id', '')}\n1`],
  ['no tags field', `${HEAD.replace('#', '')}\n1`],
  ['a negative instant', `${HEAD.replace('1763810000000', '-1')}\n1`],
  ['an instant for ever', `${HEAD.replace('1763810000000', '-')}\n1`],
  ['a negative duration', `${HEAD.replace(' 1000 ', ' -1000 ')}\n1`],
  ['a duration of words', `${HEAD.replace(' 1000 ', ' soon ')}\n1`],
  ['a fraction', `${HEAD.replace(' 1000 ', ' 10.5 ')}\n1`],
  ['NaN', `${HEAD.replace(' 1000 ', ' NaN ')}\n1`],
  ['Infinity in letters', `${HEAD.replace(' 1000 ', ' Infinity ')}\n1`],
  ['a duration beyond any clock', `${HEAD.replace(' 1000 ', ` ${'9'.repeat(400)} `)}\n1`],
  ['a body that is too short', `${HEAD}\n`],
  ['a body that is too long', `${HEAD}\n12`],
  ['a length for ever', `${HEAD.replace(' 1 id', ' - id')}\n1`],
  ['no length', `${HEAD.replace(' 1 id', ' id')}\n1`],
  ['an empty field', `${HEAD.replace(' 1000 ', '  ')}\n1`],
])('what is no stored form is nothing: %s', (_, text) => {
  expect(readStored(Buffer.from(text))).toBeUndefined()
})

test('tags that cannot be decoded never throw', () => {
  for (const tags of ['#%', '#%E0%A4%A', '#a,%zz', '#,', '##']) {
    expect(() => readStored(Buffer.from(`${HEAD.replace('#', tags)}\n1`))).not.toThrow()
  }
})

test('random and mutated bytes never throw, and what is read of them is whole', () => {
  const check = (bytes: Buffer): void => {
    const stored = readStored(bytes)
    if (stored === undefined) return
    const { fresh, staleWhileRevalidate, staleIfError } = stored.span
    for (const duration of [stored.storedAt, stored.loadDuration, fresh, staleWhileRevalidate, staleIfError]) {
      expect(duration >= 0, bytes.toString('latin1')).toBe(true)
    }
    expect(Number.isFinite(stored.storedAt)).toBe(true)
    expect(stored.bytes).toBe(bytes.length)
  }
  for (let round = 0; round < 20_000; round++) {
    const [{ bytes: sample }] = [FROZEN[round % FROZEN.length] as (typeof FROZEN)[number]]
    const bytes = Buffer.from(sample)
    const flips = 1 + (round % 4)
    const where = randomBytes(flips * 2)
    for (let flip = 0; flip < flips; flip++) {
      bytes[(where[flip * 2] as number) % bytes.length] = where[flip * 2 + 1] as number
    }
    check(bytes)
    check(bytes.subarray(0, (where[0] as number) % (bytes.length + 1)))
    check(Buffer.concat([Buffer.from('oc1 '), randomBytes(round % 64)]))
    check(randomBytes(round % 64))
  }
})
