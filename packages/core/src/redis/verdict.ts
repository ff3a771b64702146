import type { Generation, Question } from '../generations.js'
import type { Failure } from '../outcome.js'
import type { Milliseconds } from '../types.js'
import type { Budget } from './budget.js'
import type { Stored } from './stored-form.js'
import type { Ids } from './stored-generations.js'

/** What a read found under a key. */
export type RedisRead =
  | RedisFound
  | { readonly kind: 'missing'; readonly reason: 'absent' | 'undecodable' }
  | { readonly kind: 'failed'; readonly error: Failure }

export interface RedisFound {
  readonly kind: 'found'
  readonly stored: Stored
  readonly generations: readonly Generation[]
  /** On this process's clock. */
  readonly storedAt: Milliseconds
  readonly freshUntil: Milliseconds
  readonly fresh: boolean
  /** When the read was sent, and in which epoch of the channel: what memory may believe begins here. */
  readonly sentAt: Milliseconds
  readonly epoch: number
}

/** When Redis was asked, and what. */
export interface Sent extends Question {
  readonly sentAt: Milliseconds
}

/** Says what a value that Redis gave is worth: see `RedisTier`. */
export type Judge = (
  path: string,
  value: unknown,
  tags: readonly string[],
  generations: readonly Generation[],
  ids: Ids,
  sent: Sent,
  budget: Budget,
) => RedisRead | Promise<RedisRead>
