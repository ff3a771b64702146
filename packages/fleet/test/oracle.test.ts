import { describe, expect, test } from 'vitest'
import type { Testimony } from '../src/history.js'
import { KIND, type Kind, type Operation, STRIDE } from '../src/journal.js'
import { judge, type Verdict } from '../src/oracle.js'

/** The first key carries both tags and lies in no part. */
const KEY = 0
const [BOUND, SLACK, LATE] = [2_000, 50, 1_000]
const JUDGING = { bound: BOUND, slack: SLACK, late: LATE, windows: [] }

type Told = readonly [process: number, kind: Kind, start: number, end: number, value?: number, extra?: number]

function tell(told: readonly Told[], killed: Readonly<Record<number, number>> = {}): readonly Testimony[] {
  const processes = new Set(told.map(([process]) => process))
  return [...processes].map((process) => {
    const records = told
      .filter(([one]) => one === process)
      .flatMap(([, kind, start, end, value = 0, extra]) => {
        const isRead = kind <= KIND.inspect
        const subject = KEY
        return [kind, subject, start, end, value, extra ?? (isRead ? start : 1)]
      })
    return { process, records: Float64Array.from(records), killedAt: killed[process] }
  })
}

function rules(verdict: Verdict): readonly string[] {
  return verdict.violations.map(({ rule }) => rule)
}

/** Two processes; one sets 1, then 2. */
const REPLACED: readonly Told[] = [
  [1, KIND.beginSet, 100, 0, 1],
  [1, KIND.set, 100, 101, 1],
  [1, KIND.beginSet, 200, 0, 2],
  [1, KIND.set, 200, 201, 2],
]

/** Process 2 loads 5 while process 1 deletes the key. */
const FENCED: readonly Told[] = [
  [2, KIND.beginLoad, 100, 0, 5],
  [1, KIND.delete, 110, 120],
  [2, KIND.landed, 150, 150, 5],
]

describe('a value that has been replaced', () => {
  test('may be read until the bound, and that is measured', () => {
    const verdict = judge(tell([...REPLACED, [2, KIND.get, 201 + BOUND, 2_300, 1]]), JUDGING)
    expect(rules(verdict)).toEqual([])
    expect(verdict.ofStale).toEqual({ count: 1, p50: BOUND, p99: BOUND, max: BOUND })
  })

  test('may not be read later', () => {
    const read: Told = [2, KIND.get, 202 + BOUND + SLACK, 2_300, 1]
    expect(rules(judge(tell([...REPLACED, read]), JUDGING))).toEqual(['bound'])
  })

  test('may be read later in a turn of the event loop that began before', () => {
    const read: Told = [2, KIND.peek, 9_000, 9_000, 1, 2_200]
    expect(rules(judge(tell([...REPLACED, read]), JUDGING))).toEqual([])
  })

  test('may not be read by the process that replaced it', () => {
    expect(rules(judge(tell([...REPLACED, [1, KIND.get, 202, 203, 1]]), JUDGING))).toEqual(['own write'])
    expect(rules(judge(tell([...REPLACED, [1, KIND.get, 200.5, 203, 1]]), JUDGING))).toEqual([])
  })

  test('may not be found in Redis', () => {
    expect(rules(judge(tell([...REPLACED, [0, KIND.inspect, 202, 203, 1]]), JUDGING))).toEqual(['in redis'])
  })

  test('is not one where both were written at once', () => {
    const told = REPLACED.map(([process, kind, start, end, value = 0]): Told => {
      return kind === KIND.set && value === 1 ? [process, kind, 100, 205, 1] : [process, kind, start, end, value]
    })
    expect(rules(judge(tell([...told, [2, KIND.get, 9_000, 9_000, 1]]), JUDGING))).toEqual([])
    // Until Redis is seen to hold the other one.
    const seen: Told = [0, KIND.inspect, 300, 301, 2]
    expect(rules(judge(tell([...told, seen, [2, KIND.get, 9_000, 9_000, 1]]), JUDGING))).toEqual(['bound'])
    expect(rules(judge(tell([...told, seen, [2, KIND.get, 9_000, 9_000, 2]]), JUDGING))).toEqual([])
  })

  test('may come back where Redis has lost what replaced it', () => {
    const windows = [{ from: 150, to: 250 }]
    const read: Told = [2, KIND.get, 9_000, 9_000, 1]
    expect(rules(judge(tell([...REPLACED, read]), { ...JUDGING, windows }))).toEqual([])
  })
})

describe('a load that began before a change', () => {
  test('is fenced', () => {
    expect(rules(judge(tell([...FENCED, [0, KIND.inspect, 160, 161, 5]]), JUDGING))).toEqual(['in redis'])
    expect(rules(judge(tell([...FENCED, [1, KIND.getOrSet, 121, 150, 5]]), JUDGING))).toEqual(['own write'])
    expect(rules(judge(tell([...FENCED, [2, KIND.getOrSet, 130, 150, 5]]), JUDGING))).toEqual([])
    expect(rules(judge(tell([...FENCED, [2, KIND.get, 2_200, 2_201, 5]]), JUDGING))).toEqual(['fence'])
  })

  test.each([KIND.foreignDelete, KIND.flush])('is not fenced by a stranger (%i)', (kind) => {
    const told = FENCED.map((one): Told => (one[1] === KIND.delete ? [0, kind, one[2], one[3]] : one))
    expect(rules(judge(tell([...told, [2, KIND.get, 9_000, 9_001, 5]]), JUDGING))).toEqual([])
  })

  test('is replaced by a stranger once it must have been stored', () => {
    const told: Told[] = [...FENCED.filter(([, kind]) => kind !== KIND.delete), [0, KIND.foreignDelete, 1_200, 1_201]]
    expect(rules(judge(tell([...told, [2, KIND.get, 9_000, 9_001, 5]]), JUDGING))).toEqual(['bound'])
  })
})

describe('what was not confirmed', () => {
  const unconfirmed = (kind: Kind): readonly Told[] => [
    ...REPLACED.slice(0, 2),
    [1, KIND.beginSet, 200, 0, 2],
    [1, kind, 200, 201, kind === KIND.set ? 2 : 0, 0],
  ]

  test.each([KIND.set, KIND.delete])('replaces nothing for others, until it is replayed (%i)', (kind) => {
    const read: Told = [2, KIND.get, 9_000, 9_001, 1]
    expect(rules(judge(tell([...unconfirmed(kind), read]), JUDGING))).toEqual([])
    expect(rules(judge(tell([...unconfirmed(kind), [1, KIND.settled, 500, 500], read]), JUDGING))).toEqual(['bound'])
  })

  test('is done for the process itself, where it is a delete', () => {
    const read: Told = [1, KIND.get, 202, 203, 1]
    expect(rules(judge(tell([...unconfirmed(KIND.delete), read]), JUDGING))).toEqual(['own write'])
    expect(rules(judge(tell([...unconfirmed(KIND.set), read]), JUDGING))).toEqual([])
  })

  test.each([201, 1_300])('may still appear for a while: deleted at %i', (deletedAt) => {
    const told: readonly Told[] = [...unconfirmed(KIND.set), [3, KIND.delete, deletedAt, deletedAt + 1]]
    const verdict = judge(tell([...told, [2, KIND.get, 9_000, 9_001, 2]]), JUDGING)
    expect(rules(verdict)).toEqual(deletedAt > 201 + LATE ? ['bound'] : [])
  })

  test('of a process that was killed as well', () => {
    const told: readonly Told[] = [
      [1, KIND.beginSet, 100, 0, 1],
      [3, KIND.delete, 1_300, 1_301],
      [2, KIND.get, 9_000, 9_001, 1],
    ]
    expect(rules(judge(tell(told, { 1: 101 }), JUDGING))).toEqual(['bound'])
    expect(rules(judge(tell(told, { 1: 900 }), JUDGING))).toEqual([])
  })
})

test('a value that nobody wrote, or not here, is one too many', () => {
  expect(rules(judge(tell([[2, KIND.get, 10, 11, 77]]), JUDGING))).toEqual(['unknown value'])
  const elsewhere: Operation = { kind: KIND.beginSet, subject: 1, start: 0, end: 0, value: 77, extra: 0 }
  const testimony = tell([[2, KIND.get, 10, 11, 77]])
  const other = { process: 1, records: Float64Array.from(Object.values(elsewhere)), killedAt: undefined }
  expect(other.records).toHaveLength(STRIDE)
  expect(rules(judge([...testimony, other], JUDGING))).toEqual(['wrong key'])
})

test('a miss is always legal, and a failure is no read', () => {
  expect(rules(judge(tell([...REPLACED, [1, KIND.get, 300, 301, 0], [1, KIND.get, 300, 301, -1]]), JUDGING))).toEqual(
    [],
  )
})
