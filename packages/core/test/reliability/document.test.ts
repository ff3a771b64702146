import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { OUTAGES } from './outages.js'
import { render } from './render.js'
import { DOCUMENT, keyOf, keysOf, RESULTS, type Results } from './results.js'
import { SUITE } from './suite.js'

const results = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results

test('docs/reliability.md is what the last recorded run has found: `pnpm reliability` writes it', () => {
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(render(results))
})

test('and that run went through every fault of the suite', () => {
  expect(results.faults.map(keyOf)).toEqual(SUITE.flatMap(({ faults }) => faults.flatMap(keysOf)))
  expect(results.outages.map(({ outage }) => outage)).toEqual(OUTAGES.map(({ outage }) => outage))
})
