import { expect, test } from 'vitest'
import { failures } from '../dist/failures/failures.js'
import { failuresOf } from '../dist/failures/program.js'
import { peerNamed } from '../dist/peers/peers.js'

const TIMEOUT = 60_000

test('this cache and a peer meet every failure of one Redis', { timeout: TIMEOUT }, async () => {
  const kinds = ['otel-cache', 'bentocache'].map(peerNamed)
  const [ours, bento] = await failuresOf(kinds, undefined, () => {})
  const names = failures.map(({ name }) => name)
  expect(Object.fromEntries(names.map((name, index) => [name, ours?.[index + 1]]))).toEqual({
    'Redis hangs: cold read': expect.stringMatching(/^value, \d+ ms$/),
    'Redis down: cold read': expect.stringMatching(/^value, \d+ ms$/),
    'Redis down: delete': expect.stringMatching(/^false, \d+ ms$/),
    'missed invalidation': expect.stringMatching(/^new after \d+ ms$/),
    'delete during a load': 'new afterwards',
    'failing loader, 20 callers': '1 load, 20 errors',
    'falsy values': 'kept',
  })
  expect(bento).toEqual([
    'bentocache',
    ...['over 3 s', 'over 3 s', 'over 3 s', 'old for over 4 s', 'old afterwards', '20 loads, 20 errors', 'kept'],
  ])
})
