import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cache } from '../../src/index.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { HeldBatchLoader, HeldLoader } from './support/loads.js'
import { describeTimedStores } from './support/stores.js'

noUnhandledRejections()

const run = promisify(execFile)

describe('in a process of its own', () => {
  const core = fileURLToPath(new URL('../..', import.meta.url))
  const source = 'test/read-through/support'
  const programs = ['growth-process', 'exit-process']
  let built: string

  /** The programs with the sources as they are now: Node 20 runs no TypeScript. Beside node_modules, to find its packages. */
  beforeAll(async () => {
    built = await mkdtemp(join(core, 'node_modules/.cache-read-through-'))
    const options = ['--ignoreConfig', '--noCheck', '--rootDir', core, '--outDir', built, '--types', 'node']
    const files = programs.map((name) => join(core, source, `${name}.ts`))
    await run(join(core, 'node_modules/.bin/tsc'), [...options, '--module', 'nodenext', '--target', 'es2022', ...files])
  })
  afterAll(() => rm(built, { recursive: true, force: true }))

  async function start(program: string, ...args: string[]): Promise<Record<string, number>> {
    const file = join(built, source, `${program}.js`)
    // A process that does not end by itself is ended, and so told from one that does.
    const { stdout } = await run(process.execPath, ['--expose-gc', file, ...args], { timeout: 100_000 })
    return JSON.parse(stdout) as Record<string, number>
  }

  /** What 800,000 keys would not fit into. */
  const NOTHING = 4_000_000

  test('a million keys through a cache of 10,000 leave 10,000 and nothing else', { timeout: 120_000 }, async () => {
    const { entries, grown } = await start('growth-process', '1000000', 'plain')
    expect(entries).toBe(10_000)
    expect(grown).toBeLessThan(NOTHING)
  })

  test('so do tags, namespaces, failures, stale values and callers who gave up', { timeout: 120_000 }, async () => {
    const { entries, grown } = await start('growth-process', '100000', 'all')
    expect(entries).toBe(10_000)
    expect(grown).toBeLessThan(NOTHING)
  })

  test('nothing that is open keeps a process alive', { timeout: 120_000 }, async () => {
    expect(await start('exit-process')).toEqual({ open: 5, loads: 2 })
  })
})

/** What the cache keeps about what is under way. */
function books(cache: Cache): Record<string, number> {
  const { flights, inProgress, loadQueue } = (
    cache as unknown as {
      house: {
        rooms: { flights: { size: number }; inProgress: { size: number }; loadQueue: { queued: number } }
      }
    }
  ).house.rooms
  return { flights: flights.size, inProgress: inProgress.size, queued: loadQueue.queued }
}

describeTimedStores('when all has ended', (store) => {
  test('nothing is remembered of it, and no timer runs', async () => {
    const { cache, clock, pass, quiet } = await store.open({
      maxConcurrentLoads: 3,
      staleWhileRevalidate: 5_000,
      staleIfError: 5_000,
      ttl: 2_000,
      loadTimeout: 1_000,
      softLoadTimeout: 100,
    })
    const origin = new Error('origin')
    const controller = new AbortController()
    const { load, runs } = new HeldLoader<unknown>()
    const batch = new HeldBatchLoader()
    await cache.setMany(['a', 'b', 'c'].map((key) => [key, 'old'] as const))
    await pass(3_000)
    const calls: Array<Promise<unknown>> = [
      cache.getOrSet('a', load),
      cache.getOrSet('b', () => Promise.reject(origin)),
      cache.getOrSet('c', load, { refresh: true }),
      cache.getOrSet('d', load, { signal: controller.signal }),
      cache.getOrSet('hangs', () => new Promise(() => {})),
      cache.getOrSetMany(['e', 'f', 'a'], batch.load, { signal: controller.signal }),
      cache.getOrSetMany(['g', 'h'], () => Promise.reject(origin)),
      cache.namespace('n').getOrSet('k', load, { tags: ['t'] }),
      cache.getOrSet('own', () => cache.getOrSet('own', load)),
      cache.get('x'),
      cache.getMany(['x', 'y']),
      cache.has('a'),
    ]
    const settled = Promise.allSettled(calls)
    await quiet()
    const later = Promise.allSettled([
      cache.delete('c'),
      cache.getOrSet('c', load),
      cache.deleteByTag('t'),
      cache.expire('a'),
    ])
    controller.abort()
    await quiet()
    for (const { resolve } of batch.runs) resolve([])
    for (let round = 0; round < 5; round++) {
      for (const { resolve } of runs) resolve('v')
      await quiet()
      await clock.advance(1_000)
    }
    await settled
    await later
    await quiet()
    expect(books(cache)).toEqual({ flights: 0, inProgress: 0, queued: 0 })
    expect(clock.pending).toBe(0)
  })
})
