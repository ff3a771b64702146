import { describe, expect, test } from 'vitest'
import { ALLOWED, CONSTRAINTS, FACTORS } from '../src/installs/factors.js'
import { pairsOf, pairwise, product } from '../src/installs/pairwise.js'
import { sample } from '../src/installs/sample.js'

describe('pairwise', () => {
  const chosen = pairwise(ALLOWED)
  const allPairs = new Set(product(FACTORS).flatMap(pairsOf))
  const covered = new Set(chosen.flatMap(pairsOf))

  test('has every pair that is allowed', () => {
    expect(covered).toEqual(new Set(ALLOWED.flatMap(pairsOf)))
  })

  test('lacks just the pairs that a constraint forbids', () => {
    // That of three factors forbids no pair as such: Bundler meets 5.8, and CommonJS meets Bundler.
    expect([...allPairs].filter((pair) => !covered.has(pair))).toEqual(['otel=3 node=20'])
  })

  test('takes nothing that a constraint excludes, and nothing twice', () => {
    for (const combination of chosen) {
      expect(CONSTRAINTS.filter(({ excludes }) => excludes(combination))).toEqual([])
    }
    expect(new Set(chosen).size).toBe(chosen.length)
  })

  test('takes few: four TypeScripts with four Nodes are sixteen already', () => {
    expect(chosen.length).toBeGreaterThanOrEqual(16)
    expect(chosen.length).toBeLessThanOrEqual(20)
  })

  test('is the same choice each time', () => {
    expect(pairwise(ALLOWED)).toEqual(chosen)
  })

  test('takes all where all are needed', () => {
    expect(pairwise(product({ a: ['1', '2'], b: ['1', '2', '3'] }))).toHaveLength(6)
    expect(pairwise([])).toEqual([])
  })
})

describe('sample', () => {
  const all = Array.from({ length: 100 }, (_, index) => index)

  test('is decided by its seed', () => {
    expect(sample(all, 10, 1)).toEqual(sample(all, 10, 1))
    expect(sample(all, 10, 1)).not.toEqual(sample(all, 10, 2))
    expect(new Set(sample(all, 10, 1)).size).toBe(10)
  })

  test('may be all, and no more than all', () => {
    expect(sample(all, 100, 1)).toEqual(all)
    expect(sample(all, 1_000, 1)).toEqual(all)
  })
})
