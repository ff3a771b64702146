import type { Peer, Tiers } from '../peers/peer.js'

/** What every peer is asked to do again and again, while it takes turns with the others. */
export interface Scenario {
  readonly name: string
  readonly tiers: Tiers
  /** How many loops run beside each other. */
  readonly callers: number
  /** After how many calls a peer is as fast as it gets. Default 12,000; fewer where one call does the same thing often. */
  readonly warmAfter?: number
  /** What the loader returns. */
  valueOf(key: string): unknown
  /** How many loads an operation should come to. */
  readonly loads: 0 | 1
  /** Fills what has to be filled, and hands out what is called again and again. */
  prepare(peer: Peer): Operation | Promise<Operation>
}

export type Operation = () => Promise<unknown>
