import { describe, expect, test } from 'vitest'
import { words } from '../src/corpus.js'
import { distanceFrom } from '../src/distance.js'
import { InvalidPatternError, parsePattern } from '../src/pattern.js'
import { search } from '../src/search.js'

describe('distanceFrom', () => {
  test.each([
    ['receive', 'receive', 0],
    ['recieve', 'receive', 1],
    ['recieve', 'relieve', 1],
    ['helo', 'hello', 1],
    ['helllo', 'hello', 1],
    ['hallo', 'hello', 1],
    ['kitten', 'sitting', 3],
    ['ca', 'abc', 3],
    ['q??en', 'queen', 0],
    ['q??en', 'quen', 1],
    ['colo*r', 'color', 0],
    ['colo*r', 'colour', 0],
    ['colo*r', 'colours', 1],
    ['*', 'anything', 0],
    ['a*', 'b', 1],
    ['?', 'ab', 1],
    ['*ology', 'geoolgy', 1],
    ['abc', 'x', 3],
  ])('%s is so far from %s: %i', (pattern, word, expected) => {
    expect(distanceFrom(pattern)(word)).toBe(expected)
  })

  test('does not carry anything over from one word to the next', () => {
    const distanceTo = distanceFrom('hello')
    const sequence = ['hello', 'wonderfully', 'ehllo', 'a', 'hello']
    expect(sequence.map(distanceTo)).toEqual(sequence.map((word) => distanceFrom('hello')(word)))
  })
})

describe('search', () => {
  test('finds what a misspelling meant', () => {
    expect(search('accomodation').matches[0]).toEqual({ word: 'accommodation', distance: 1 })
    expect(search('definately').matches[0]).toEqual({ word: 'definitely', distance: 1 })
  })

  test.each(['q??en', '*ology', 'colo*r', '?a?a?a', 'un*able'])(
    'counts the words that fit %s, as a regexp does',
    (pattern) => {
      const regexp = new RegExp(`^${pattern.replaceAll('?', '.').replaceAll('*', '.*')}$`)
      const fitting = words.filter((word) => regexp.test(word))
      const result = search(pattern)
      expect(result.exact).toBe(fitting.length)
      const exactMatches = result.matches.filter(({ distance }) => distance === 0).map(({ word }) => word)
      expect(exactMatches).toEqual(fitting.slice(0, 20))
    },
  )

  test('ranks by distance, then by the alphabet, and returns the best only', () => {
    const { near, matches } = search('colo*r')
    const ranked = [...matches].sort((a, b) => a.distance - b.distance || (a.word < b.word ? -1 : 1))
    expect(matches).toEqual(ranked)
    expect(matches).toHaveLength(20)
    expect(near).toBeGreaterThan(20)
  })

  test('returns nothing where nothing is near', () => {
    expect(search('zzzzzzzzzzzz')).toEqual({ pattern: 'zzzzzzzzzzzz', exact: 0, near: 0, matches: [] })
  })
})

describe('parsePattern', () => {
  test('writes equal patterns in one way', () => {
    expect(parsePattern('Colo**R?')).toBe('colo*r?')
  })

  test.each([
    [null, 'q is missing'],
    ['', 'q is empty'],
    ['a'.repeat(33), 'q is too long: at most 32 characters, got 33'],
    ['two words', 'q may hold'],
    ['naïve', 'q may hold'],
    ['a\n', 'q may hold'],
    ['a.b', 'q may hold'],
  ])('refuses %j', (input, message) => {
    expect(() => parsePattern(input)).toThrow(InvalidPatternError)
    expect(() => parsePattern(input)).toThrow(message)
  })
})
