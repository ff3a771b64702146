import { expect, test } from 'vitest'
import { type ContractFigure, contractFigures, explanationText } from '../src/contract.js'
import { type Explanation, explained } from '../src/explained.js'
import { groups } from '../src/groups.js'
import { type Measured, pooled } from '../src/interleave.js'
import { problemsOf } from '../src/print.js'
import type { BoundCheck } from '../src/program.js'
import { checkMachine, readResults, withParts } from '../src/results.js'
import { resultOf } from '../src/summary.js'

const EXPLANATION: Explanation = { part: 'trips', figure: 'a trip', limit: 2, reason: 'light is not faster' }

function judged(check: Partial<BoundCheck>, explanations: readonly Explanation[] = []) {
  const bound: BoundCheck = { figure: 'a trip', unit: 'x', measured: 1, limit: 1.3, kind: 'at most', ...check }
  return contractFigures([], { trips: { tables: [], bounds: [bound], complaints: [] } }, explanations)
}

test.each([
  { check: { measured: 1.3 }, verdict: 'held' },
  { check: { measured: 1.3, kind: 'under' }, verdict: 'MISSED' },
  { check: { measured: 1.3, kind: 'at least' }, verdict: 'held' },
  { check: { measured: 1.2, kind: 'at least' }, verdict: 'MISSED' },
  { check: { measured: 1.4 }, verdict: 'MISSED' },
  { check: { measured: 1.4, low: 1.35, high: 1.5, rounds: 9 }, verdict: 'MISSED' },
  { check: { measured: 1.4, low: 1.2, high: 1.5, rounds: 9 }, verdict: 'undecided' },
  // The more rounds, the better their median is known.
  { check: { measured: 1.4, low: 1.2, high: 1.5, rounds: 100 }, verdict: 'MISSED' },
  // Other processes may have told something else.
  { check: { measured: 1.4, low: 1.35, high: 1.5, rounds: 9, apart: 0.1 }, verdict: 'undecided' },
  { check: { measured: 1.2, low: 1.1, high: 1.5, rounds: 9 }, verdict: 'held within the spread' },
  { check: { measured: 1.2, low: 1.1, high: 1.25, rounds: 9 }, verdict: 'held' },
] as const)('$check: $verdict', ({ check, verdict }) => {
  expect(judged(check)).toMatchObject([{ part: 'trips', verdict }])
})

test('what is undecided says why', () => {
  const check = { measured: 1.4, low: 1.2, high: 1.5, rounds: 9 }
  expect(judged(check).map(explanationText)).toEqual([expect.stringContaining('this run cannot tell')])
})

test('what is missed is explained as far as its explanation goes, and no further', () => {
  const explanation = { left: { figure: 'a trip', limit: 2 }, reason: EXPLANATION.reason }
  expect(judged({ measured: 1.9 }, [EXPLANATION])).toMatchObject([{ verdict: 'missed, explained', explanation }])
  expect(judged({ measured: 2.1 }, [EXPLANATION])).toMatchObject([{ verdict: 'MISSED', explanation }])
  expect(judged({ measured: 1.2 }, [EXPLANATION])).toMatchObject([{ verdict: 'held' }])
  expect(judged({ measured: 1.9 }, [{ ...EXPLANATION, figure: 'another' }])).toMatchObject([{ verdict: 'MISSED' }])
})

test('where the same by hand was measured beside it, that is what is left as a bound', () => {
  const trip = {
    group: 'trips',
    subject: 'a trip',
    kind: 'time',
    rounds: 9,
    apart: 0,
    subjectNs: 28,
    floorNs: 10,
    stored: undefined,
  } as const
  const beside = (byHand: number, cap?: number): ContractFigure[] =>
    contractFigures(
      [
        { ...trip, floor: 'GET', value: 2.8, low: 2.7, high: 2.9, bound: { limit: 1.3 } },
        { ...trip, floor: 'GET by hand', value: byHand, low: byHand - 0.05, high: byHand + 0.05 },
      ],
      {},
      [
        {
          ...EXPLANATION,
          figure: 'a trip / GET',
          instead: 'a trip / GET by hand',
          ...(cap !== undefined && { cap }),
        },
      ],
    )
  expect(beside(1.8)).toMatchObject([{ measured: 2.8, verdict: 'missed, explained' }])
  expect(beside(1.8).map(explanationText)).toEqual(['a trip / GET by hand is 1.8x, ≤ 2x: light is not faster'])
  expect(beside(2.2)).toMatchObject([{ measured: 2.8, verdict: 'MISSED' }])
  const capped = beside(1.8, 2.5)
  expect(capped).toMatchObject([{ measured: 2.8, verdict: 'MISSED' }])
  expect(beside(1.8, 2.9)).toMatchObject([{ measured: 2.8, verdict: 'missed, explained' }])
  expect(capped.map(explanationText)).toEqual([
    'beyond what is explained, a trip / GET by hand is 1.8x, ≤ 2x; itself ≤ 2.5x: light is not faster',
  ])
})

test('rounds of two runs count together, case by case, and it is told how far they are apart', () => {
  const of = (name: string, ...rounds: number[]): Measured => ({ name, rounds, before: 0, storedBytes: undefined })
  const [first, second] = [
    [of('get', 1, 2), of('set', 5, 5)],
    [of('set', 6, 6), of('get', 3, 3)],
  ]
  expect(pooled([], first)).toEqual(first)
  const both = pooled(first, second)
  expect(both).toEqual([
    { ...of('set', 5, 5, 6, 6), before: 2 },
    { ...of('get', 1, 2, 3, 3), before: 2 },
  ])
  const figure = { subject: 'set', floor: 'get', kind: 'added' } as const
  expect(resultOf('trips', figure, both)).toMatchObject({ value: 3, rounds: 4, apart: 0.25 })
})

test('parts of the kept run are measured anew, and only on the machine that it is of', () => {
  const kept = readResults()
  const part = kept.figures.filter(({ group }) => group === 'miss').map((figure) => ({ ...figure, value: 0.5 }))
  const anew = {
    ...kept,
    machine: { ...kept.machine, date: 'today' },
    figures: part,
    cases: [],
    programs: {},
    complaints: [],
  }
  const both = withParts(kept, anew)
  expect(both.figures.map(({ group, subject }) => [group, subject])).toEqual(
    kept.figures.map(({ group, subject }) => [group, subject]),
  )
  expect(both.figures.filter(({ value }) => value === 0.5)).toEqual(part)
  expect(both.renewed).toMatchObject({ miss: 'today' })
  // Complaints of what was measured anew are gone, those of others stay.
  const complaints = ['miss, getOrSet: one error', 'miss-not, get: one error']
  expect(withParts({ ...kept, complaints }, anew).complaints).toEqual(['miss-not, get: one error'])
  expect(() => checkMachine(kept, anew.machine)).not.toThrow()
  expect(() => checkMachine(kept, { ...anew.machine, cpu: 'another' })).toThrow('another machine')
})

test('what is missed is a line that says which, and so is what was not meant', () => {
  const results = { ...readResults(), complaints: ['one error'] }
  expect(problemsOf({ ...results, contract: judged({ measured: 1.4 }) })).toEqual([
    'MISSED trips: a trip is 1.4x, should be ≤ 1.3x',
    'Not what was meant to be measured: one error',
  ])
  expect(problemsOf({ ...results, complaints: [], contract: judged({ measured: 1.9 }, [EXPLANATION]) })).toEqual([])
})

test('every explanation is of a figure that the kept run has', () => {
  const known = readResults().contract.map(({ part, figure }) => `${part}: ${figure}`)
  for (const { part, figure } of explained) expect(known).toContain(`${part}: ${figure}`)
})

test('every group that the contract bounds is in the kept run', () => {
  const bounded = groups.filter(({ figures }) => figures.some(({ bound }) => bound !== undefined))
  const kept = new Set(readResults().contract.map(({ part }) => part))
  for (const { name } of bounded) expect(kept).toContain(name)
})
