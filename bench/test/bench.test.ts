import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { emptied } from '../src/group-run.js'
import type { Results } from '../src/results.js'

const BENCH = fileURLToPath(new URL('../dist/bench.js', import.meta.url))

interface Ended {
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

/** The benchmark as a user runs it. */
function bench(...args: string[]): { readonly pid: number | undefined; readonly ended: Promise<Ended> } {
  let pid: number | undefined
  const ended = new Promise<Ended>((resolve) => {
    const child = execFile(process.execPath, [BENCH, ...args], (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr })
    })
    pid = child.pid
  })
  return { pid, ended }
}

test('the scenario in short holds its bounds, over a real Redis', async () => {
  const { code, stdout, stderr } = await bench('--filter', 'simplified-cache-performance', '--json').ended
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

test('a part whose process dies is named, and the run goes on to its end', async () => {
  const running = bench('--filter', 'memory-hit-per-turn', '--quick', '--json')
  process.kill(await vi.waitUntil(() => workerOf(running.pid), { timeout: 20_000 }), 'SIGKILL')
  const { code, stdout, stderr } = await running.ended
  expect(code).toBe(1)
  expect(stderr).toMatch(/^Not what was meant to be measured: memory-hit-per-turn failed: .* ended: SIGKILL/)
  const results = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Results
  expect(results).toMatchObject({ failed: ['memory-hit-per-turn'], figures: [] })
})

test('a Redis that is gone is told of, and not waited for', async () => {
  await expect(emptied('redis://127.0.0.1:1')).rejects.toThrow('max retries per request')
})

/** A process of a case, of those that this bench has started. */
function workerOf(bench: number | undefined): number | undefined {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return processes.map(Number).find((pid) => {
    try {
      const [, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
      return Number(parent) === bench && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/worker.js')
    } catch {
      // It has ended since.
      return false
    }
  })
}

test.each([
  { args: ['--filter', 'nothing-of-this-name'], says: "No group's or program's name contains 'nothing-of-this-name'" },
  { args: ['--fast'], says: '--fast' },
  { args: ['--save', '--quick'], says: '--save keeps what was measured in full: leave --quick out' },
])('$args is refused with exit code 2', async ({ args, says }) => {
  const { code, stdout, stderr } = await bench(...args).ended
  expect(code).toBe(2)
  expect(stderr).toContain(says)
  expect(stdout).toBe('')
})

test('--help names the five parts of the scenario', async () => {
  const { code, stdout } = await bench('--help').ended
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
