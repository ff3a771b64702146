/** From the primary to a member. */
export type Order = { readonly write: number } | { readonly stop: true }

/** From a member to the primary. */
export type Report = { readonly ready: true } | Sighting

/** A member has read a write of another one. */
export interface Sighting {
  readonly sawWrite: number
  /** Milliseconds since before the writer called `set`. */
  readonly delay: number
  /** Milliseconds since this member's memory was last proven right. */
  readonly proofAge: number
}
