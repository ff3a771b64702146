import type { Generation } from './generations.js'
import type { Milliseconds } from './types.js'
import type { HeldValue } from './values.js'

/** What memory holds under a key. Instants are on this process's clock. */
export interface MemoryEntry {
  readonly held: HeldValue
  readonly storedAt: Milliseconds
  /** When its lifetime ends. */
  readonly freshUntil: Milliseconds
  /** When it may no longer be believed: the end of its lifetime or of its proof, whichever comes first. */
  readonly usableUntil: Milliseconds
  readonly tags: readonly string[]
  /** What it belongs to; undefined for the widest generation alone, whose end empties memory. */
  readonly generations: readonly Generation[] | undefined
  /** What it counts for against `maxBytes`. */
  readonly bytes: number
}
