import { randomFrom } from './random.js'

/** A record as applications cache it: about 200 bytes of JSON. */
export interface Document {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly roles: readonly string[]
  readonly active: boolean
  readonly score: number
  readonly address: { readonly city: string; readonly country: string; readonly zip: string }
}

export function smallDocument(id: number): Document {
  return {
    id,
    name: `Customer number ${id}`,
    email: `customer.${id}@example.org`,
    roles: ['reader', 'editor'],
    active: id % 3 !== 0,
    score: id / 7,
    address: { city: 'Heidelberg', country: 'DE', zip: '69117' },
  }
}

/** A page of records: about 10 kB of JSON. */
export function largeDocument(id: number): { readonly page: number; readonly items: readonly Document[] } {
  return { page: id, items: Array.from({ length: 52 }, (_, index) => smallDocument(id * 100 + index)) }
}

const WORDS =
  'a light and quiet lamp with a round foot of oiled oak for the desk or the shelf, dimmed by touch, its cable of woven ' +
  'linen two metres long and easily replaced; please order bulbs beside it, since none is in the box when it leaves us'
const VOCABULARY: readonly string[] = WORDS.split(' ')

/** A page of a catalogue, with prose and with numbers that compress badly: about so many bytes of JSON. */
export function catalogue(id: number, bytes: number): { readonly page: number; readonly products: readonly object[] } {
  const next = randomFrom(id + 1)
  const random = (below: number): number => Math.floor(next() * below)
  const words = (count: number): string =>
    Array.from({ length: count }, () => VOCABULARY[random(VOCABULARY.length)]).join(' ')
  const products = Array.from({ length: Math.round(bytes / 340) }, () => ({
    id: Array.from({ length: 3 }, () =>
      random(2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    ).join(''),
    name: words(3),
    description: words(25),
    price: { amount: random(100_000) / 100, currency: 'EUR' },
    stock: random(1_000),
    tags: [words(1), words(1)],
    changed: new Date(1.7e12 + random(1e10)).toISOString(),
  }))
  return { page: id, products }
}

/** How long everything is stored: the cache's own default. */
export const TTL = 3_600_000

/** Distinct keys, enough that neither a branch predictor nor a cache of parsed strings knows what comes next. */
export function manyKeys(prefix: string, count = 256): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}customer:${index}`)
}

/** Hands out the items in turn, for ever. Their number must be a power of two. */
export function inTurn<T>(items: readonly T[]): () => T {
  const mask = items.length - 1
  if (items.length === 0 || (items.length & mask) !== 0) throw new RangeError(`${items.length} is no power of two`)
  let next = 0
  return () => items[next++ & mask] as T
}
