import type { Unconfirmed } from './outcome.js'

/** A change of a key, by this process. */
export interface Change {
  /** Of a `set` or `delete` that is under way. */
  outcome: Promise<Unconfirmed> | undefined
  /** Its own, where it may have to wait. */
  mark: Mark | undefined
}

/**
 * What a read, a load or a write in progress holds: it turns void when its key is written, deleted or cleared meanwhile, or
 * may be so any time. Its result may then be older than that change, and must not be kept in memory.
 */
export interface Mark {
  void: boolean
  /** The change that began after it, and made it void: nothing of it must be sent any more. */
  supersededBy: Change | undefined
  /** Void, and what was there is not to be served any more, not even stale: all changes but `expire`. */
  gone: boolean
  holders: number
  /** How often Redis told meanwhile that the key was changed, by whomever: what was read before may be older. */
  heard: number
  /** Tags that ended meanwhile: a value that turns out to carry one is older than that, too. */
  endedTags: Set<string> | undefined
  /** That of what began before those tags ended, or before this one was needed, and has not ended itself. */
  older: Mark | undefined
}

/** Whether a value with these tags may be kept by who holds the mark. */
export function mayKeep(mark: Mark, tags: readonly string[]): boolean {
  return !mark.void && !tags.some((tag) => mark.endedTags?.has(tag))
}
