import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MemoryEntry } from '../src/entry.js'
import { Memory } from '../src/memory/memory.js'

function entryOf(value: unknown, bytes: number): MemoryEntry {
  return {
    held: { shared: true, value },
    storedAt: 0,
    freshUntil: Number.POSITIVE_INFINITY,
    usableUntil: Number.POSITIVE_INFINITY,
    extras: undefined,
    epoch: 0,
    awaitsEcho: false,
    bytes,
  }
}

/** What the memory tier should be, in the order of use: the first of the Map goes first. */
class Model {
  readonly entries = new Map<string, { readonly value: number; readonly bytes: number }>()
  evicted = 0
  readonly #maxEntries: number
  readonly #maxBytes: number

  constructor(maxEntries: number, maxBytes: number) {
    this.#maxEntries = maxEntries
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return [...this.entries.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  get(id: string): number | undefined {
    const entry = this.entries.get(id)
    if (entry === undefined) return undefined
    this.entries.delete(id)
    this.entries.set(id, entry)
    return entry.value
  }

  set(id: string, value: number, bytes: number): void {
    this.entries.delete(id)
    if (bytes > this.#maxBytes) return
    this.entries.set(id, { value, bytes })
    while (this.entries.size > this.#maxEntries || this.bytes > this.#maxBytes) {
      this.entries.delete(this.entries.keys().next().value as string)
      this.evicted += 1
    }
  }
}

const MAX_BYTES = 40
const id = fc.integer({ min: 0, max: 12 }).map((n) => `k${n}`)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('set' as const), id, bytes: fc.integer({ min: 1, max: 50 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('get' as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('peek' as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const), id }) },
)

describe('memory in columns', () => {
  test('evicts, counts and answers as a plain Map in the order of use would', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 120 }), (maxEntries, steps) => {
        const memory = new Memory({ maxEntries, maxBytes: MAX_BYTES })
        const model = new Model(maxEntries, MAX_BYTES)
        const valueAt = (slot: number): unknown => (slot === 0 ? undefined : memory.valueAt(slot))
        for (const [value, one] of steps.entries()) {
          if (one.do === 'set') {
            memory.set(one.id, entryOf(value, one.bytes))
            model.set(one.id, value, one.bytes)
          } else if (one.do === 'get') {
            expect(valueAt(memory.get(one.id, 0))).toBe(model.get(one.id))
          } else if (one.do === 'peek') {
            expect(valueAt(memory.peek(one.id, 0))).toBe(model.entries.get(one.id)?.value)
          } else if (one.do === 'delete') {
            memory.delete(one.id)
            model.entries.delete(one.id)
          } else {
            memory.clear()
            model.entries.clear()
          }
          expect(memory.entries).toBe(model.entries.size)
          expect(memory.bytes).toBe(model.bytes)
          expect(memory.evictions.size).toBe(model.evicted)
        }
        for (const [key, { value, bytes }] of model.entries) {
          expect(memory.look(key)).toEqual(entryOf(value, bytes))
        }
      }),
    )
  })

  test('grows without losing what it holds, whether or not entries have tags', () => {
    const memory = new Memory({ maxEntries: 5_000, maxBytes: 1e9 })
    const tagged = (value: number): MemoryEntry => ({
      ...entryOf(value, 1),
      extras: {
        staleWhileRevalidate: 0,
        staleIfError: 0,
        loadDuration: 0,
        believedUntil: 0,
        tags: [`tag-${value}`],
        generations: [],
      },
    })
    for (let n = 0; n < 6_000; n++) memory.set(`k${n}`, n % 3 === 0 ? tagged(n) : entryOf(n, 1))
    for (let n = 0; n < 1_000; n++) expect(memory.get(`k${n}`, 0)).toBe(0)
    for (let n = 1_000; n < 6_000; n++) expect(memory.look(`k${n}`)).toEqual(n % 3 === 0 ? tagged(n) : entryOf(n, 1))
    expect(memory.evictions.size).toBe(1_000)
  })
  // It was counted for 10 once it went, so that memory seemed full for ever, and evicted without end.
  test('does not hold what its column cannot count, and counts many that add up to more', () => {
    const memory = new Memory({ maxEntries: 10, maxBytes: 2 ** 34 })
    memory.set('k', entryOf(1, 2 ** 32 + 10))
    expect(memory.fits(2 ** 32 + 10)).toBe(false)
    expect([memory.entries, memory.bytes]).toEqual([0, 0])
    for (let n = 0; n < 5; n++) memory.set(`k${n}`, entryOf(n, 2 ** 32 - 1))
    expect([memory.entries, memory.bytes]).toEqual([4, 4 * (2 ** 32 - 1)])
    for (let n = 0; n < 5; n++) memory.delete(`k${n}`)
    expect(memory.bytes).toBe(0)
  })
})
