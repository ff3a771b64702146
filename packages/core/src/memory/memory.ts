import { type MemoryEntry, mayServeWhileRevalidating, stands, uselessFrom } from '../entry.js'
import type { Milliseconds } from '../types.js'
import type { HeldValue } from '../values.js'
import { LeastRecentlyUsed } from './least-recently-used.js'
import { AWAITS_ECHO, HAS_EXTRAS, NOWHERE, SERVED, SHARED, Table } from './table.js'
import { Wasted } from './wasted.js'

export type EvictionReason = 'size' | 'expired' | 'invalidated'

export interface MemoryLimits {
  readonly maxEntries: number
  readonly maxBytes: number
}

/** Memory in front of Redis, as Redis's invalidation channel has it. */
export interface Coherent {
  /** Until when what was asked for in an epoch of the channel may be believed. */
  believedUntil(epoch: number): Milliseconds
  /** Has an entry verified behind the caller's back. */
  verify(id: string): void
}

/** What alone is larger is not held: its column would count it for less. */
const LARGEST = 2 ** 32 - 1

/** Without Redis, or a channel, an entry has its own proof and no other. */
const ALONE: Coherent = { believedUntil: () => Number.NEGATIVE_INFINITY, verify: () => {} }

/** An entry that was changed since it was written, by this process or another. */
interface Doubt {
  readonly until: Milliseconds
  isVerified: boolean
}

/**
 * The memory tier: bounded by entries and by bytes. It answers with slots, which are good until it is next changed; a hit
 * makes nothing that garbage collection would have to find.
 */
export class Memory {
  readonly #limits: MemoryLimits
  readonly #coherent: Coherent
  readonly #doubts = new Map<string, Doubt>()
  readonly #wasted = new Wasted()
  /** Entries that it did not take, because they would have been invalidated before anybody asked for them. */
  bypassed = 0
  #slots = new Map<string, number>()
  #table = new Table()
  #order = new LeastRecentlyUsed(this.#table.capacity)
  #bytes = 0
  readonly evictions: Record<EvictionReason, number> = { size: 0, expired: 0, invalidated: 0 }

  constructor(limits: MemoryLimits, coherent: Coherent = ALONE) {
    this.#limits = limits
    this.#coherent = coherent
  }

  /** The slot of the entry, where it is fresh and may be believed; else `NOWHERE`, which is 0. */
  get(id: string, now: Milliseconds): number {
    const slot = this.#slots.get(id)
    if (slot === undefined) return NOWHERE
    const { flags, usableUntil } = this.#table
    // Most have nothing but a time to be asked for: what V8 compiles as one piece is to hold the whole of their path.
    const isPlain = ((flags[slot] as number) & HAS_EXTRAS) === 0 && now < (usableUntil[slot] as number)
    if (!isPlain && !this.#isUsable(id, slot, now, true)) return NOWHERE
    flags[slot] = (flags[slot] as number) | SERVED
    this.#order.used(slot)
    return slot
  }

  /** `get` that leaves the order of eviction alone, and has nothing verified. */
  peek(id: string, now: Milliseconds): number {
    const slot = this.#slots.get(id)
    return slot === undefined || !this.#isUsable(id, slot, now, false) ? NOWHERE : slot
  }

  /** Whether all callers have one value. */
  isShared(slot: number): boolean {
    return this.#table.has(slot, SHARED)
  }

  /** The value, where it is shared; else that from which each caller's own is made. */
  valueAt(slot: number): unknown {
    return this.#table.values[slot]
  }

  heldAt(slot: number): HeldValue {
    return { shared: this.isShared(slot), value: this.valueAt(slot) }
  }

  entryAt(slot: number): MemoryEntry {
    return this.#table.entryAt(slot)
  }

  /** What is past its lifetime and within its proof, and may be served while one load runs: without asking Redis. */
  getStale(id: string, now: Milliseconds): MemoryEntry | undefined {
    const slot = this.#slots.get(id)
    if (slot === undefined || now < (this.#table.freshUntil[slot] as number)) return undefined
    const extras = this.#table.extrasOf(slot)
    if (extras === undefined) return undefined
    const entry = this.#table.entryAt(slot)
    if (!mayServeWhileRevalidating(entry, now)) return undefined
    const doubt = this.#doubts.get(id)
    const own = extras.believedUntil
    const isBelieved =
      doubt === undefined
        ? now < own || now < this.#coherent.believedUntil(entry.epoch)
        : now < Math.min(doubt.until, own)
    return isBelieved && stands(entry) ? entry : undefined
  }

  #isUsable(id: string, slot: number, now: Milliseconds, mayVerify: boolean): boolean {
    const table = this.#table
    // What has ended must not be verified: a lookup that fails at once drops it, and its slot with it.
    const extras = table.extrasOf(slot)
    if (extras?.generations.some((one) => one.ended)) return false
    return now < (table.usableUntil[slot] as number) || this.#isProven(id, slot, now, mayVerify)
  }

  /** Whether it was proven since, once its own proof has ended. */
  #isProven(id: string, slot: number, now: Milliseconds, mayVerify: boolean): boolean {
    const { freshUntil, usableUntil, epochs } = this.#table
    const fresh = freshUntil[slot] as number
    if (now >= fresh) return false
    const doubt = this.#doubts.get(id)
    if (doubt !== undefined) {
      if (now >= doubt.until) return false
      if (mayVerify && !doubt.isVerified) {
        doubt.isVerified = true
        this.#coherent.verify(id)
      }
      return true
    }
    const until = this.#coherent.believedUntil(epochs[slot] as number)
    if (now >= until) return false
    usableUntil[slot] = Math.min(fresh, until)
    return true
  }

  /**
   * Redis tells that the key was changed, by whomever. The entry goes, but for what this process has just written: the
   * change may be its own, so that it is served a little longer, and verified as soon as it is asked for.
   */
  invalidate(id: string): void {
    const slot = this.#slots.get(id)
    if (slot === undefined) return
    if (this.#table.has(slot, AWAITS_ECHO)) {
      this.doubt(id)
      return
    }
    this.#wasted.heard(id, this.#table.has(slot, SERVED))
    this.delete(id, 'invalidated')
  }

  /** It may have been changed since it was written: it is believed as long as its own proof lasts, and no longer. */
  doubt(id: string): void {
    const slot = this.#slots.get(id)
    if (slot === undefined) return
    const { flags, usableUntil } = this.#table
    flags[slot] = (flags[slot] as number) & ~AWAITS_ECHO
    this.#doubts.set(id, { until: usableUntil[slot] as number, isVerified: false })
    usableUntil[slot] = Number.NEGATIVE_INFINITY
  }

  /** What is there, believed or not, and left where it is. */
  look(id: string): MemoryEntry | undefined {
    const slot = this.#slots.get(id)
    const entry = slot && this.#table.entryAt(slot)
    return entry && stands(entry) ? entry : undefined
  }

  /** What is there, believed or not; what is of no use any more is dropped. */
  find(id: string, now: Milliseconds): MemoryEntry | 'expired' | undefined {
    const slot = this.#slots.get(id)
    if (slot === undefined) return undefined
    const entry = this.#table.entryAt(slot)
    const gone = !stands(entry)
    if (!gone && now < uselessFrom(entry)) return entry
    this.delete(id, gone ? 'invalidated' : 'expired')
    return gone ? undefined : 'expired'
  }

  /** What alone is larger than all of memory is not held, nor what is changed more often than asked for. */
  set(id: string, entry: MemoryEntry): void {
    this.#doubts.delete(id)
    const isWaste = this.#wasted.isWaste(id)
    if (isWaste) this.bypassed += 1
    if (isWaste || !this.fits(entry.bytes)) this.#remove(id)
    else this.#put(id, entry)
  }

  #put(id: string, entry: MemoryEntry): void {
    const { maxEntries, maxBytes } = this.#limits
    let slot = this.#slots.get(id)
    if (slot === undefined) {
      if (this.#slots.size === maxEntries) this.#evict()
      slot = this.#add(id)
    } else {
      this.#bytes -= this.#table.bytes[slot] as number
      this.#order.used(slot)
    }
    this.#table.fill(slot, entry)
    this.#bytes += entry.bytes
    while (this.#bytes > maxBytes) this.#evict()
  }

  #add(id: string): number {
    const table = this.#table
    const { capacity } = table
    const slot = table.add(id)
    if (table.capacity > capacity) this.#order.grow(table.capacity)
    this.#order.add(slot)
    this.#slots.set(id, slot)
    return slot
  }

  fits(bytes: number): boolean {
    return bytes <= this.#limits.maxBytes && bytes <= LARGEST
  }

  /** @param reason counted as an eviction; none where the entry is about to be written again */
  delete(id: string, reason?: EvictionReason): void {
    this.#doubts.delete(id)
    if (this.#remove(id) && reason !== undefined) this.evictions[reason] += 1
  }

  #evict(): void {
    this.delete(this.#table.ids[this.#order.victim] as string, 'size')
  }

  #remove(id: string): boolean {
    const slot = this.#slots.get(id)
    if (slot === undefined) return false
    this.#slots.delete(id)
    this.#order.remove(slot)
    this.#bytes -= this.#table.bytes[slot] as number
    this.#table.remove(slot)
    return true
  }

  clear(): void {
    this.evictions.invalidated += this.#slots.size
    this.release()
  }

  /** Lets go of everything, uncounted. */
  release(): void {
    this.#doubts.clear()
    this.#slots = new Map()
    this.#table = new Table()
    this.#order = new LeastRecentlyUsed(this.#table.capacity)
    this.#bytes = 0
  }

  get entries(): number {
    return this.#slots.size
  }

  get bytes(): number {
    return this.#bytes
  }
}
