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
