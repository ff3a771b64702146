import { describe, expect, test } from 'vitest'
import type { LoadContext } from '../../src/index.js'
import { LoadTimeoutError } from '../../src/index.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { deferred } from '../support/until.js'
import { describeTimedStores, type Opened, type TimedStore } from './support/stores.js'
import {
  AFTER_EXPIRE,
  CACHED,
  type Cell,
  DURATION,
  type Got,
  isHeld,
  LATE,
  LOAD_TIMEOUT,
  oracle,
  RULES,
  type Seen,
  type Story,
  TTL,
} from './support/table-oracle.js'

noUnhandledRejections()

const LOADERS = Object.keys(DURATION) as Cell['loader'][]
const TAG = 'tag'
const origin = new Error('origin')

const CHANGES: Readonly<Record<Cell['change'], (opened: Opened) => Promise<boolean>>> = {
  no: async () => true,
  delete: ({ cache }) => cache.delete('k'),
  clear: ({ cache }) => cache.clear(),
  deleteByTag: ({ cache }) => cache.deleteByTag(TAG),
  set: ({ cache }) => cache.set('k', 'set'),
  async expire({ cache, pass }) {
    const isDone = await cache.expire('k')
    // Time that stands still is behind Redis's, which does not: it must learn the time anew to see the entry stale.
    await pass(AFTER_EXPIRE)
    return isDone
  },
}

const DELETES = [{ change: 'no', when: 'change' }, ...timesOf('delete')] as const
const OTHER_CHANGES = [...timesOf('clear'), ...timesOf('deleteByTag'), ...timesOf('set'), ...timesOf('expire')]

/** What the changes other than `delete` are tried on: the rest of the table is in full. */
const PLAIN: ReadonlySet<string> = new Set<Cell['cached']['cached']>(['fresh', 'stale', 'missing', 'negative'])

type Moment = Pick<Cell, 'change' | 'when'>

function timesOf(change: Cell['change']): Moment[] {
  return (['before', 'during', 'after'] as const).map((when) => ({ change, when }))
}

/** Every combination; but what is fresh is not loaded, so that nothing can change during that. */
function cellsOf(
  cached: Cell['cached'],
  loaders: readonly Cell['loader'][],
  moments: readonly Moment[],
): readonly Cell[] {
  const isFresh = cached.age < cached.ttl
  return loaders.flatMap((loader) =>
    RULES.flatMap((rules) =>
      moments
        .filter(({ when }) => !(isFresh && when === 'during'))
        .map((moment) => ({ cached, loader, rules, ...moment })),
    ),
  )
}

describeTimedStores('getOrSet by two callers', (store) => {
  for (const cached of CACHED) {
    describe(`over what is ${cached.cached}`, () => {
      const others = PLAIN.has(cached.cached) ? cellsOf(cached, ['ok', 'throwing', 'hanging'], OTHER_CHANGES) : []
      for (const cell of [...cellsOf(cached, LOADERS, DELETES), ...others]) {
        const { loader, rules, change, when } = cell
        test(`loader ${loader}, stale rules: ${rules.rules}, ${change} ${when}`, async () => {
          expect(await play(cell, store)).toStrictEqual(oracle(cell, store))
        })
      }
    })
  }
})

/** Waits for no caller and no loader: who is left waiting is part of the story, not a test that hangs. */
async function play(cell: Cell, store: TimedStore): Promise<Story> {
  const { cached, loader, rules, change, when } = cell
  const { staleWhileRevalidate, staleIfError } = rules
  const opened = await store.open({
    ttl: TTL,
    staleWhileRevalidate,
    staleIfError,
    loadTimeout: LOAD_TIMEOUT,
    // Thousands of caches, of one entry each, are made in no time where they need not make room for 10,000.
    ...(store.hasMemory && { memory: { maxEntries: 10 } }),
    // No entry that needs no tag has one: it is another kind of entry.
    ...(change === 'deleteByTag' && { tags: [TAG] }),
  })
  const { cache, client, pass, quiet } = opened
  const seen: Seen[] = []
  const see = async (at: Seen['at']) => seen.push(await look(at, opened))
  const alter = async () => expect(await CHANGES[change](opened)).toBe(true)

  if (cached.value !== undefined) {
    await cache.set('k', cached.value, cached.value === null ? { negativeTtl: cached.ttl } : { ttl: cached.ttl })
    if (cached.age > 0) await pass(cached.age)
  }
  if (when === 'before') await alter()

  const { load, offered, release } = loaderOf(cell, opened)
  const got: (Got | undefined)[] = [undefined, undefined]
  for (const caller of got.keys()) {
    cache.getOrSet('k', load).then(
      (value) => {
        got[caller] = { value }
      },
      (error) => {
        got[caller] = { error: nameOf(error) }
      },
    )
  }
  await quiet()
  const isLoading = offered.length > 0
  const early = isLoading && isHeld(cell) ? [...got] : undefined
  if (isLoading) {
    if (isHeld(cell)) await see('while it loads')
    if (when === 'during') {
      await alter()
      await see('after the change')
    }
    release()
    if (DURATION[loader] > 0) await pass(DURATION[loader])
    await quiet()
  }
  await see('after the load')
  if (isLoading && loader === 'hanging') {
    await pass(LATE)
    await quiet()
    await see('after the late value')
  }
  if (when === 'after') {
    await alter()
    await see('after the change')
  }
  // What other cells have left would make `pass` slow.
  await client?.flushdb()
  return { early, got, offered, seen }
}

async function look(at: Seen['at'], { cache, another }: Opened): Promise<Seen> {
  const peek = cache.peek('k')
  const entry = await cache.inspect('k')
  const inspect = entry && { value: entry.value, fresh: entry.fresh, tier: entry.tier }
  const get = await cache.get('k')
  const { hits, misses, stale, loads, coalesced, errors } = cache.stats()
  const elsewhere = await another()?.get('k')
  return { at, peek, inspect, get, elsewhere, stats: { hits: { ...hits }, misses, stale, loads, coalesced, errors } }
}

/** A loader that ends as the cell says: at once where nothing is to happen meanwhile. */
function loaderOf({ loader, when }: Cell, { clock }: Opened) {
  const after = <T>(ms: number, value: T) => new Promise<T>((resolve) => clock.after(ms, () => resolve(value)))
  const ends: Readonly<Record<Cell['loader'], () => unknown>> = {
    ok: () => 'new',
    slow: () => after(DURATION.slow, 'new'),
    throwing: () => {
      throw origin
    },
    hanging: () => after(LOAD_TIMEOUT + LATE, 'late'),
    'returning undefined': () => undefined,
  }
  const offered: unknown[] = []
  const { promise: released, resolve: release } = deferred()
  const load = ({ stale }: LoadContext<unknown>): unknown => {
    offered.push(stale)
    return when === 'during' ? released.then(ends[loader]) : ends[loader]()
  }
  return { load, offered, release }
}

/** The loader that failed, by its very own error or by the deadline's. */
function nameOf(error: unknown): unknown {
  if (error === origin) return 'throwing' satisfies Cell['loader']
  return error instanceof LoadTimeoutError ? ('hanging' satisfies Cell['loader']) : error
}
