import type { EntryExtras, MemoryEntry } from '../entry.js'

/** Of `flags`. */
export const SHARED = 1
export const AWAITS_ECHO = 2
export const SERVED = 4
export const HAS_EXTRAS = 8

/** No entry's slot. */
export const NOWHERE = 0

const SMALLEST = 256

/**
 * Entries in columns. An entry is a number, its slot: an object each, with instants in boxes of their own, would take three
 * times as much of the heap as what it holds.
 */
export class Table {
  /** Slots that the columns have room for. */
  capacity: number = SMALLEST
  readonly ids: string[] = ['']
  readonly values: unknown[] = [undefined]
  /** As long as the highest slot that has any. */
  readonly #extras: Array<EntryExtras | undefined> = []
  flags: Uint8Array = new Uint8Array(SMALLEST)
  usableUntil: Float64Array = new Float64Array(SMALLEST)
  freshUntil: Float64Array = new Float64Array(SMALLEST)
  epochs: Uint32Array = new Uint32Array(SMALLEST)
  bytes: Uint32Array = new Uint32Array(SMALLEST)
  #storedAt = new Float64Array(SMALLEST)
  readonly #free: number[] = []

  /** A slot for a new entry. Has `capacity` grow where there is none. */
  add(id: string): number {
    const slot = this.#free.pop() ?? this.ids.length
    if (slot === this.capacity) this.#grow()
    this.ids[slot] = id
    return slot
  }

  fill(slot: number, entry: MemoryEntry): void {
    const { held, extras } = entry
    this.values[slot] = held.value
    this.flags[slot] =
      (held.shared ? SHARED : 0) | (entry.awaitsEcho ? AWAITS_ECHO : 0) | (extras === undefined ? 0 : HAS_EXTRAS)
    this.usableUntil[slot] = entry.usableUntil
    this.freshUntil[slot] = entry.freshUntil
    this.#storedAt[slot] = entry.storedAt
    this.epochs[slot] = entry.epoch
    this.bytes[slot] = entry.bytes
    if (extras === undefined && slot >= this.#extras.length) return
    while (this.#extras.length <= slot) this.#extras.push(undefined)
    this.#extras[slot] = extras
  }

  remove(slot: number): void {
    this.ids[slot] = ''
    this.values[slot] = undefined
    if (slot < this.#extras.length) this.#extras[slot] = undefined
    this.#free.push(slot)
  }

  extrasOf(slot: number): EntryExtras | undefined {
    return ((this.flags[slot] as number) & HAS_EXTRAS) === 0 ? undefined : this.#extras[slot]
  }

  has(slot: number, flag: number): boolean {
    return ((this.flags[slot] as number) & flag) !== 0
  }

  /** A copy. */
  entryAt(slot: number): MemoryEntry {
    return {
      held: { shared: this.has(slot, SHARED), value: this.values[slot] },
      storedAt: this.#storedAt[slot] as number,
      freshUntil: this.freshUntil[slot] as number,
      extras: this.extrasOf(slot),
      epoch: this.epochs[slot] as number,
      usableUntil: this.usableUntil[slot] as number,
      awaitsEcho: this.has(slot, AWAITS_ECHO),
      bytes: this.bytes[slot] as number,
    }
  }

  #grow(): void {
    this.capacity *= 2
    this.flags = grown(new Uint8Array(this.capacity), this.flags)
    this.usableUntil = grown(new Float64Array(this.capacity), this.usableUntil)
    this.freshUntil = grown(new Float64Array(this.capacity), this.freshUntil)
    this.epochs = grown(new Uint32Array(this.capacity), this.epochs)
    this.bytes = grown(new Uint32Array(this.capacity), this.bytes)
    this.#storedAt = grown(new Float64Array(this.capacity), this.#storedAt)
  }
}

function grown<Column extends { set(from: ArrayLike<number>): void }>(
  larger: Column,
  column: ArrayLike<number>,
): Column {
  larger.set(column)
  return larger
}
