import type { Clock } from './clock.js'

/** Time and randomness, injected: tests never sleep, and a whole fleet can be simulated. */
export interface Environment {
  readonly clock: Clock
  /** From 0 up to, not including, 1. */
  random(): number
  /** A new id for a generation: 12 characters of base64url that no process ever makes again. */
  newId(): string
}
