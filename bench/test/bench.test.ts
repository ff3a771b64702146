import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Results } from '../src/results.js'

const BENCH = fileURLToPath(new URL('../dist/bench.js', import.meta.url))

/** The benchmark as a user runs it, to its end. */
function bench(...args: string[]): Promise<{ code: number | string; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [BENCH, ...args], (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr })
    })
  })
}

test('the scenario in short holds its bounds, over a real Redis', async () => {
  const { code, stdout, stderr } = await bench('--filter', 'simplified-cache-performance', '--json')
  expect(code, stderr).toBe(0)
  expect(stderr).toBe('')
  expect(stdout).toContain("The contract's figures")
  // Without a group there is nothing for mitata to say.
  expect(stdout).not.toContain('benchmark  ')

  const results = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Results
  expect(Object.keys(results.programs)).toEqual(['simplified-cache-performance'])
  const figures = new Map(results.contract.map(({ figure, measured }) => [figure, measured]))
  expect(figures.get('hit ratio, memory and Redis')).toBeCloseTo(95.238, 2)
  expect(figures.get('p95, times faster than before, memory and Redis')).toBeGreaterThan(40)
  const [before = [], after = []] = results.programs['simplified-cache-performance']?.tables[0]?.rows ?? []
  expect(before).toEqual(['no cache', ...Array(4).fill(expect.any(Number))])
  expect(before[1]).toBeGreaterThan(700)
  expect(after[1]).toBeLessThan(before[1] as number)
})

test.each([
  { args: ['--filter', 'nothing-of-this-name'], says: "No group's or program's name contains 'nothing-of-this-name'" },
  { args: ['--fast'], says: '--fast' },
  { args: ['--save', '--quick'], says: '--save keeps what was measured in full: leave --quick out' },
])('$args is refused with exit code 2', async ({ args, says }) => {
  const { code, stdout, stderr } = await bench(...args)
  expect(code).toBe(2)
  expect(stderr).toContain(says)
  expect(stdout).toBe('')
})

test('--help names the five parts of the scenario', async () => {
  const { code, stdout } = await bench('--help')
  expect(code).toBe(0)
  for (const part of [
    'pre-caching-latency-baseline',
    'post-caching-latency-optimized',
    'cache-performance-metrics',
    'cache-latency-percentiles',
    'simplified-cache-performance',
  ]) {
    expect(stdout).toContain(part)
  }
})
