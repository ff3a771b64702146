import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { type Program, type ProgramOptions, scraped, startProgram } from '../src/index.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'otel-cache-test-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function run(name: string, source: string, options?: ProgramOptions): Promise<Program> {
  const file = pathToFileURL(join(folder, `${name}.mjs`))
  await writeFile(file, source)
  const program = await startProgram(file, options)
  onTestFinished(() => program.stop())
  return program
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a program has its arguments and its environment, and ends with its own code', async () => {
  const source = `
    process.on('SIGTERM', () => process.exit(3))
    setInterval(() => {}, 1000)
    console.log('has', process.argv[2], process.env.WORD, process.title)`
  const program = await run('own', source, { args: ['a'], env: { WORD: 'b' }, nodeArgs: ['--title=c'] })
  expect(await program.prints(/has (\w) (\w) (\w)\n/)).toEqual(['a', 'b', 'c'])
  expect(await program.end()).toBe(3)
})

test('what is awaited of a program that has ended is refused, with what it said', async () => {
  const program = await run('failing', `console.error('no luck'); process.exitCode = 1`)
  await expect(program.prints(/never/)).rejects.toThrow('no luck')
  expect(await program.exits()).toBe(1)
})

test('a program that does not end in time is told of, and ended by force with what it started', async () => {
  const source = `
    import { spawn } from 'node:child_process'
    process.on('SIGTERM', () => console.log('not yet'))
    console.log('child', spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']).pid, '.')`
  const program = await run('stubborn', source)
  const [pid] = await program.prints(/child (\d+) \.\n/)
  await expect(program.end(500)).rejects.toThrow('not yet')
  expect(isRunning(Number(pid))).toBe(true)
  await program.stop()
  await vi.waitFor(() => expect(isRunning(Number(pid))).toBe(false), 10_000)
})

test('samples are added up by name and labels, and a name that is not there is no 0', async () => {
  const text =
    'hits_total{tier="memory",cache="a"} 2\nhits_total{tier="redis",cache="a"} 3\nhits_total_created 9\nup 1\n'
  const server = createServer((_, response) => response.end(text)).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await vi.waitFor(() => expect(server.listening).toBe(true))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  expect(await scraped(url, 'hits_total', { cache: 'a' })).toBe(5)
  expect(await scraped(url, 'hits_total', { tier: 'redis' })).toBe(3)
  expect(await scraped(url, 'up')).toBe(1)
  await expect(scraped(url, 'misses_total')).rejects.toThrow('has no misses_total')
})
