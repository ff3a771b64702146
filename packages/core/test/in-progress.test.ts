import { expect, test } from 'vitest'
import { InProgress } from '../src/flight/in-progress.js'
import { memoryId, pathSegment } from '../src/keys.js'

test('a change makes void what began before it, and not what begins after', () => {
  const inProgress = new InProgress()
  const before = inProgress.begin('a')
  const other = inProgress.begin('b')
  inProgress.supersede('a')
  const after = inProgress.begin('a')
  expect([before.void, other.void, after.void]).toEqual([true, false, false])
  inProgress.supersede('a')
  expect(after.void).toBe(true)
})

test('all that is in progress for one key turns void together', () => {
  const inProgress = new InProgress()
  const marks = [inProgress.begin('a'), inProgress.begin('a'), inProgress.begin('a')]
  inProgress.end('a', marks[0] as (typeof marks)[number])
  inProgress.supersede('a')
  expect(marks.slice(1).every((mark) => mark.void)).toBe(true)
})

test('what has ended, also after it turned void, is forgotten, and does not end its successor', () => {
  const inProgress = new InProgress()
  const first = inProgress.begin('a')
  inProgress.supersede('a')
  const second = inProgress.begin('a')
  inProgress.end('a', first)
  inProgress.supersede('a')
  expect(second.void).toBe(true)
  inProgress.end('a', second)
  expect(inProgress.size).toBe(0)
  inProgress.supersede('never begun')
  expect(inProgress.size).toBe(0)
})

test('a tag that ends is told to what began before it, and to nothing that begins after', () => {
  const inProgress = new InProgress()
  const begin = (): ReturnType<InProgress['begin']> => inProgress.begin('a')
  const first = begin()
  inProgress.endTag('', 't')
  const second = begin()
  const beside = begin()
  inProgress.endTag('', 'u')
  const third = begin()
  const told = [first, second, beside, third].map(({ endedTags }) => [...(endedTags ?? [])])
  expect(told).toEqual([['t', 'u'], ['u'], ['u'], []])
  // One that ends in between is not the end of those before it.
  inProgress.end('a', second)
  inProgress.end('a', beside)
  inProgress.endTag('', 'v')
  expect([first, third].map(({ endedTags }) => [...(endedTags ?? [])])).toEqual([['t', 'u', 'v'], ['v']])
  inProgress.end('a', third)
  const fourth = begin()
  expect(fourth.endedTags).toBeUndefined()
  inProgress.supersede('a')
  expect([first, fourth].map((mark) => mark.void)).toEqual([true, true])
  inProgress.end('a', fourth)
  inProgress.end('a', first)
  expect(inProgress.size).toBe(0)
})

test('of many that began before and after tags ended nothing is left, in whatever order they end', () => {
  for (const order of [(left: number) => left - 1, () => 0, (left: number) => left >> 1]) {
    const inProgress = new InProgress()
    const marks = Array.from({ length: 100 }, (_, index) => {
      const mark = inProgress.begin('a')
      if (index % 3 === 0) inProgress.endTag('', `tag ${index}`)
      return mark
    })
    while (marks.length > 1) {
      const [mark] = marks.splice(order(marks.length), 1)
      inProgress.end('a', mark as (typeof marks)[number])
    }
    const [last] = marks as [(typeof marks)[number]]
    inProgress.supersede('a')
    expect(last.void).toBe(true)
    inProgress.end('a', last)
    expect(inProgress.size).toBe(0)
  }
})

test('a change of a view makes void what is in it and in the views inside, and nothing else', () => {
  const inProgress = new InProgress()
  const a = pathSegment('a')
  const ids = [
    memoryId(a, 'k'),
    memoryId(a + pathSegment('b'), 'k'),
    memoryId('', 'k'),
    memoryId('', 'a:k'),
    memoryId(pathSegment('ab'), 'k'),
  ]
  const marks = ids.map((id) => inProgress.begin(id))
  inProgress.supersedeUnder(a)
  expect(marks.map((mark) => mark.void)).toEqual([true, true, false, false, false])
  inProgress.supersedeUnder('')
  expect(marks.every((mark) => mark.void)).toBe(true)
  expect(inProgress.size).toBe(0)
})
