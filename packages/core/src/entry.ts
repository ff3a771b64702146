import type { Generation } from './generations.js'
import type { Milliseconds } from './types.js'
import type { HeldValue } from './values.js'

/** A value as either tier holds it. Instants are on this process's clock. */
export interface HeldEntry {
  readonly held: HeldValue
  readonly storedAt: Milliseconds
  /** When its lifetime ends. */
  readonly freshUntil: Milliseconds
  /** Undefined for most: no tags, no stale windows, no generation but the widest. They pay nothing for those. */
  readonly extras: EntryExtras | undefined
  /** Of the invalidation channel, when Redis was asked for it; 0 while there was none. */
  readonly epoch: number
}

export interface EntryExtras {
  readonly staleWhileRevalidate: Milliseconds
  readonly staleIfError: Milliseconds
  readonly loadDuration: Milliseconds
  /** When its own proof ends; for ever where it needs none. */
  readonly believedUntil: Milliseconds
  readonly tags: readonly string[]
  readonly generations: readonly Generation[]
}

/** What memory is to hold under a key, or holds: it keeps no object, so that this is a copy. */
export interface MemoryEntry extends HeldEntry {
  /** Until when it is believed without asking again whether the channel has proven it since. */
  readonly usableUntil: Milliseconds
  /** This process has written it, and not heard of that yet: the next change that is told may be its own. */
  readonly awaitsEcho: boolean
  /** What it counts for against `maxBytes`. */
  readonly bytes: number
}

/** Whether everything it belongs to still stands. */
export function stands({ extras }: HeldEntry): boolean {
  return extras === undefined || extras.generations.every((generation) => !generation.ended)
}

/** Whether it may be served while one load runs (RFC 5861, section 3). */
export function mayServeWhileRevalidating({ freshUntil, extras }: HeldEntry, now: Milliseconds): boolean {
  return extras !== undefined && extras.staleWhileRevalidate > 0 && now < freshUntil + extras.staleWhileRevalidate
}

/** Whether it may be served when a load has failed (RFC 5861, section 4). */
export function mayServeOnError({ freshUntil, extras }: HeldEntry, now: Milliseconds): boolean {
  return extras !== undefined && extras.staleIfError > 0 && now < freshUntil + extras.staleIfError
}

/** When it is of no use any more, not even stale. */
export function uselessFrom({ freshUntil, extras }: HeldEntry): Milliseconds {
  return extras === undefined ? freshUntil : freshUntil + Math.max(extras.staleWhileRevalidate, extras.staleIfError)
}
