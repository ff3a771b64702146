import { deepStrictEqual } from 'node:assert'
import { inTurn, largeDocument, manyKeys, smallDocument } from '../documents.js'
import type { Peer } from '../peers/peer.js'
import type { Operation, Scenario } from './scenario.js'

const KEYS = manyKeys('')
const BATCHES: ReadonlyArray<readonly string[]> = Array.from({ length: 16 }, (_, i) => manyKeys(`batch:${i}:`, 100))

const small = (key: string): unknown => smallDocument(idOf(key))
const large = (key: string): unknown => largeDocument(idOf(key))

export const memoryHit: Scenario = hit('a hit in memory', 'memory', small, 1)

export const hitAlone: Scenario = hit('200 B, one caller', 'redis', small, 1)
export const hitTogether: Scenario = hit('200 B, 64 callers', 'redis', small, 64)

export const redisHits: readonly Scenario[] = [
  hitAlone,
  hitTogether,
  hit('10 kB, one caller', 'redis', large, 1),
  hit('10 kB, 64 callers', 'redis', large, 64),
]

export const miss: Scenario = {
  name: 'a miss',
  tiers: 'both',
  callers: 1,
  loads: 1,
  valueOf: small,
  prepare(peer) {
    let newest = 0
    return () => peer.getOrSet(`new:${newest++}`)
  },
}

/** Whoever cannot read many reads a hundred at once, one call each. */
export const bulk: Scenario = {
  name: 'a hundred hits at once',
  tiers: 'redis',
  callers: 1,
  warmAfter: 1_200,
  loads: 0,
  valueOf: small,
  async prepare(peer) {
    await filled(peer, BATCHES.flat(), small)
    const batch = inTurn(BATCHES)
    const { getMany } = peer
    return getMany ? () => getMany(batch()) : () => Promise.all(batch().map((key) => peer.getOrSet(key)))
  },
}

export const scenarios: readonly Scenario[] = [memoryHit, ...redisHits, miss, bulk]

function hit(name: string, tiers: Scenario['tiers'], documentOf: (key: string) => unknown, callers: number): Scenario {
  return {
    name,
    tiers,
    callers,
    valueOf: documentOf,
    loads: 0,
    async prepare(peer): Promise<Operation> {
      await filled(peer, KEYS, documentOf)
      const key = inTurn(KEYS)
      return () => peer.getOrSet(key())
    },
  }
}

/** Reads through, and then makes sure that what is cached is what was loaded. */
async function filled(peer: Peer, keys: readonly string[], documentOf: (key: string) => unknown): Promise<void> {
  for (const key of keys) await peer.getOrSet(key)
  for (const key of keys) deepStrictEqual(await peer.getOrSet(key), documentOf(key))
}

function idOf(key: string): number {
  return Number(key.slice(key.lastIndexOf(':') + 1))
}
