import { expect, test } from 'vitest'
import { InProgress } from '../src/flight/in-progress.js'
import { memoryId, pathSegment } from '../src/keys.js'

test('a change makes void what began before it, and not what begins after', () => {
  const inProgress = new InProgress()
  const before = inProgress.begin('a')
  const other = inProgress.begin('b')
  inProgress.invalidate('a')
  const after = inProgress.begin('a')
  expect([before.void, other.void, after.void]).toEqual([true, false, false])
  inProgress.invalidate('a')
  expect(after.void).toBe(true)
})

test('all that is in progress for one key turns void together', () => {
  const inProgress = new InProgress()
  const marks = [inProgress.begin('a'), inProgress.begin('a'), inProgress.begin('a')]
  inProgress.end('a', marks[0] as (typeof marks)[number])
  inProgress.invalidate('a')
  expect(marks.slice(1).every((mark) => mark.void)).toBe(true)
})

test('what has ended, also after it turned void, is forgotten, and does not end its successor', () => {
  const inProgress = new InProgress()
  const first = inProgress.begin('a')
  inProgress.invalidate('a')
  const second = inProgress.begin('a')
  inProgress.end('a', first)
  inProgress.invalidate('a')
  expect(second.void).toBe(true)
  inProgress.end('a', second)
  expect(inProgress.size).toBe(0)
  inProgress.invalidate('never begun')
  expect(inProgress.size).toBe(0)
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
  inProgress.invalidateUnder(a)
  expect(marks.map((mark) => mark.void)).toEqual([true, true, false, false, false])
  inProgress.invalidateUnder('')
  expect(marks.every((mark) => mark.void)).toBe(true)
  expect(inProgress.size).toBe(0)
})
