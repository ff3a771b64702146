import { LRUCache } from 'lru-cache'
import { type MemoryEntry, stands, uselessFrom } from '../entry.js'
import type { Milliseconds } from '../types.js'

export type EvictionReason = 'size' | 'expired' | 'invalidated'

export interface MemoryLimits {
  readonly maxEntries: number
  readonly maxBytes: number
}

/** The memory tier: bounded by entries and by bytes. The policy behind it is a library's, and can be another. */
export class Memory {
  readonly #limits: MemoryLimits
  #lru: LRUCache<string, MemoryEntry>
  readonly evictions: Record<EvictionReason, number> = { size: 0, expired: 0, invalidated: 0 }

  constructor(limits: MemoryLimits) {
    this.#limits = limits
    this.#lru = this.#empty()
  }

  /** The entry, where it is fresh and may be believed. */
  get(id: string, now: Milliseconds): MemoryEntry | undefined {
    const entry = this.#lru.get(id)
    return entry !== undefined && now < entry.usableUntil && stands(entry) ? entry : undefined
  }

  /** `get` that leaves the order of eviction alone. */
  peek(id: string, now: Milliseconds): MemoryEntry | undefined {
    const entry = this.#lru.peek(id)
    return entry !== undefined && now < entry.usableUntil && stands(entry) ? entry : undefined
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

  /** What alone is larger than all of memory is not held. */
  set(id: string, entry: MemoryEntry): void {
    this.#lru.set(id, entry)
  }

  fits(bytes: number): boolean {
    return bytes <= this.#limits.maxBytes
  }

  /** @param reason counted as an eviction; none where the entry is about to be written again */
  delete(id: string, reason?: EvictionReason): void {
    if (this.#lru.delete(id) && reason !== undefined) this.evictions[reason] += 1
  }

  clear(): void {
    this.evictions.invalidated += this.#lru.size
    this.#lru = this.#empty()
  }

  /** Lets go of everything, uncounted. */
  release(): void {
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
      dispose: (_entry, _id, reason) => {
        if (reason === 'evict') this.evictions.size += 1
      },
    })
  }
}
