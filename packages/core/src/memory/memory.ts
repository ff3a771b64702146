import { LRUCache } from 'lru-cache'
import type { MemoryEntry } from '../entry.js'
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

  /** The entry, where it may be believed at `now`. */
  get(id: string, now: Milliseconds): MemoryEntry | undefined {
    const entry = this.#lru.get(id)
    return entry !== undefined && now < entry.usableUntil && stands(entry) ? entry : undefined
  }

  /** `get` that leaves the order of eviction alone. */
  peek(id: string, now: Milliseconds): MemoryEntry | undefined {
    const entry = this.#lru.peek(id)
    return entry !== undefined && now < entry.usableUntil && stands(entry) ? entry : undefined
  }

  /** Whether an entry was there whose lifetime has ended; it is dropped. */
  dropExpired(id: string, now: Milliseconds): boolean {
    const entry = this.#lru.peek(id)
    if (entry === undefined || now < entry.freshUntil) return false
    const expired = stands(entry)
    this.#lru.delete(id)
    this.evictions[expired ? 'expired' : 'invalidated'] += 1
    return expired
  }

  set(id: string, entry: MemoryEntry): void {
    this.#lru.set(id, entry)
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
      sizeCalculation: bytesOf,
      dispose: (_entry, _id, reason) => {
        if (reason === 'evict') this.evictions.size += 1
      },
    })
  }
}

function bytesOf(entry: MemoryEntry): number {
  return entry.bytes
}

function stands(entry: MemoryEntry): boolean {
  return entry.generations === undefined || entry.generations.every((generation) => !generation.ended)
}
