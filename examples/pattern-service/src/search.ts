import { words } from './corpus.js'
import { distanceFrom } from './distance.js'

interface Match {
  readonly word: string
  /** How many slips of the pen lie between the pattern and the word. */
  readonly distance: number
}

export interface SearchResult {
  readonly pattern: string
  /** How many words fit the pattern as it stands. */
  readonly exact: number
  /** How many words fit it within `MAX_DISTANCE` slips, the exact ones included. */
  readonly near: number
  /** The best `MAX_MATCHES` of these: nearest first, then alphabetical. */
  readonly matches: readonly Match[]
}

const MAX_DISTANCE = 2
const MAX_MATCHES = 20

/** Compares every word of the corpus with a pattern. This is real work: it keeps a core busy for some 100 ms. */
export function search(pattern: string): SearchResult {
  const distanceTo = distanceFrom(pattern)
  const near: Match[] = []
  for (const word of words) {
    const distance = distanceTo(word)
    if (distance <= MAX_DISTANCE) near.push({ word, distance })
  }
  const exact = near.filter((match) => match.distance === 0).length
  // The sort is stable and the corpus alphabetical, so words of the same distance stay in order.
  near.sort((a, b) => a.distance - b.distance)
  return { pattern, exact, near: near.length, matches: near.slice(0, MAX_MATCHES) }
}
