import { LRUCache } from 'lru-cache'
import { type MemoryEntry, mayServeWhileRevalidating, stands, uselessFrom } from '../entry.js'
import type { Milliseconds } from '../types.js'
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

/** Without Redis, or a channel, an entry has its own proof and no other. */
const ALONE: Coherent = { believedUntil: () => Number.NEGATIVE_INFINITY, verify: () => {} }

/** An entry that was changed since it was written, by this process or another. */
interface Doubt {
  readonly until: Milliseconds
  isVerified: boolean
}

/** The memory tier: bounded by entries and by bytes. The policy behind it is a library's, and can be another. */
export class Memory {
  readonly #limits: MemoryLimits
  readonly #coherent: Coherent
  readonly #doubts = new Map<string, Doubt>()
  readonly #wasted = new Wasted()
  /** Entries that it did not take, because they would have been invalidated before anybody asked for them. */
  bypassed = 0
  #lru: LRUCache<string, MemoryEntry>
  readonly evictions: Record<EvictionReason, number> = { size: 0, expired: 0, invalidated: 0 }

  constructor(limits: MemoryLimits, coherent: Coherent = ALONE) {
    this.#limits = limits
    this.#coherent = coherent
    this.#lru = this.#empty()
  }

  /** The entry, where it is fresh and may be believed. */
  get(id: string, now: Milliseconds): MemoryEntry | undefined {
    const entry = this.#lru.get(id)
    if (entry === undefined || !(now < entry.usableUntil || this.#isProven(id, entry, now, true))) return undefined
    entry.served = true
    return stands(entry) ? entry : undefined
  }

  /** `get` that leaves the order of eviction alone, and has nothing verified. */
  peek(id: string, now: Milliseconds): MemoryEntry | undefined {
    const entry = this.#lru.peek(id)
    if (entry === undefined || !(now < entry.usableUntil || this.#isProven(id, entry, now, false))) return undefined
    return stands(entry) ? entry : undefined
  }

  /** What is past its lifetime and within its proof, and may be served while one load runs: without asking Redis. */
  getStale(id: string, now: Milliseconds): MemoryEntry | undefined {
    const entry = this.#lru.peek(id)
    if (entry === undefined || now < entry.freshUntil || !mayServeWhileRevalidating(entry, now)) return undefined
    const doubt = this.#doubts.get(id)
    const own = entry.extras?.believedUntil ?? 0
    const isBelieved =
      doubt === undefined
        ? now < own || now < this.#coherent.believedUntil(entry.epoch)
        : now < Math.min(doubt.until, own)
    return isBelieved && stands(entry) ? entry : undefined
  }

  /** Whether it was proven since, once its own proof has ended. */
  #isProven(id: string, entry: MemoryEntry, now: Milliseconds, mayVerify: boolean): boolean {
    if (now >= entry.freshUntil) return false
    const doubt = this.#doubts.get(id)
    if (doubt !== undefined) {
      if (now >= doubt.until) return false
      if (mayVerify && !doubt.isVerified) {
        doubt.isVerified = true
        this.#coherent.verify(id)
      }
      return true
    }
    const until = this.#coherent.believedUntil(entry.epoch)
    if (now >= until) return false
    entry.usableUntil = Math.min(entry.freshUntil, until)
    return true
  }

  /**
   * Redis tells that the key was changed, by whomever. The entry goes, but for what this process has just written: the
   * change may be its own, so that it is served a little longer, and verified as soon as it is asked for.
   */
  invalidate(id: string): void {
    const entry = this.#lru.peek(id)
    if (entry === undefined) return
    if (entry.awaitsEcho) {
      this.doubt(id, entry)
      return
    }
    this.#wasted.heard(id, entry.served)
    this.delete(id, 'invalidated')
  }

  /** It may have been changed since it was written: it is believed as long as its own proof lasts, and no longer. */
  doubt(id: string, entry: MemoryEntry): void {
    if (this.#lru.peek(id) !== entry) return
    entry.awaitsEcho = false
    this.#doubts.set(id, { until: entry.usableUntil, isVerified: false })
    entry.usableUntil = Number.NEGATIVE_INFINITY
  }

  /** What is there, believed or not, and left where it is. */
  look(id: string): MemoryEntry | undefined {
    const entry = this.#lru.peek(id)
    return entry !== undefined && stands(entry) ? entry : undefined
  }

  /** What is there, believed or not; what is of no use any more is dropped. */
  find(id: string, now: Milliseconds): MemoryEntry | 'expired' | undefined {
    const entry = this.#lru.peek(id)
    if (entry === undefined) return undefined
    const gone = !stands(entry)
    if (!gone && now < uselessFrom(entry)) return entry
    this.delete(id, gone ? 'invalidated' : 'expired')
    return gone ? undefined : 'expired'
  }

  /** What alone is larger than all of memory is not held, nor what is changed more often than asked for. */
  set(id: string, entry: MemoryEntry): void {
    this.#doubts.delete(id)
    if (!this.#wasted.isWaste(id)) {
      this.#lru.set(id, entry)
      return
    }
    this.bypassed += 1
    this.#lru.delete(id)
  }

  fits(bytes: number): boolean {
    return bytes <= this.#limits.maxBytes
  }

  /** @param reason counted as an eviction; none where the entry is about to be written again */
  delete(id: string, reason?: EvictionReason): void {
    this.#doubts.delete(id)
    if (this.#lru.delete(id) && reason !== undefined) this.evictions[reason] += 1
  }

  clear(): void {
    this.evictions.invalidated += this.#lru.size
    this.#doubts.clear()
    this.#lru = this.#empty()
  }

  /** Lets go of everything, uncounted. */
  release(): void {
    this.#doubts.clear()
    this.#lru = this.#empty()
  }

  get entries(): number {
    return this.#lru.size
  }

  get bytes(): number {
    return this.#lru.calculatedSize
  }

  #empty(): LRUCache<string, MemoryEntry> {
    return new LRUCache({
      max: this.#limits.maxEntries,
      maxSize: this.#limits.maxBytes,
      sizeCalculation: ({ bytes }) => bytes,
      dispose: (_entry, id, reason) => {
        if (reason !== 'evict') return
        this.#doubts.delete(id)
        this.evictions.size += 1
      },
    })
  }
}
