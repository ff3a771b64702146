import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { tracesProgram } from '../dist/traces/program.js'
import { readTrace } from '../dist/traces/trace.js'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'otel-cache-traces-'))
  process.env['OTEL_CACHE_TRACES'] = folder
})

afterEach(async () => {
  delete process.env['OTEL_CACHE_TRACES']
  await rm(folder, { recursive: true })
})

const context = { redisUrl: '', quick: true, progress: () => {} }

async function writeTrace(lines: readonly (number | string)[]): Promise<string> {
  const file = join(folder, 'cycle.txt.gz')
  await writeFile(file, gzipSync(lines.map((line) => `${line}\n`).join('')))
  return file
}

test('a trace is replayed under every policy', async () => {
  // 100 keys in a circle, ten times: at a tenth of them an LRU hits nothing, and the optimum ten keys in each later round.
  await writeTrace(Array.from({ length: 1_000 }, (_, i) => i % 100))
  const { tables } = await tracesProgram.run(context)
  const [ratios] = tables
  expect(ratios?.columns).toEqual([
    ...['trace', 'requests', 'capacity', 'otel-cache', 'LRU', 'SIEVE', 'S3-FIFO', 'W-TinyLFU', 'optimum'],
  ])
  expect(ratios?.rows).toEqual([['cycle', 1_000, '10 % (10)', 0, 0, 0, expect.any(Number), expect.any(Number), 9]])
})

test('a folder that is not there is said to be skipped', async () => {
  process.env['OTEL_CACHE_TRACES'] = join(folder, 'absent')
  const { tables } = await tracesProgram.run(context)
  expect(tables.map(({ note }) => note)).toEqual([
    expect.stringContaining(`Skipped: no traces (*.txt.gz) in ${folder}`),
  ])
})

test('so many requests are read at most, and what is no key is refused with its line', async () => {
  const file = await writeTrace([7, 7, 3, 'x'])
  expect(await readTrace(file, 3)).toEqual({ name: 'cycle', requests: Int32Array.from([7, 7, 3]), keys: 2 })
  await expect(readTrace(file, 4)).rejects.toThrow(`${file}, line 4: expected a whole number from 0, received 'x'`)
})
