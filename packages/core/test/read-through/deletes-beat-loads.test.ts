import { describe, expect, test } from 'vitest'
import { type Cache, type CacheOptions, type CacheView, entry } from '../../src/index.js'
import { fakeEnvironment } from '../support/environment.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { HeldBatchLoader, HeldLoader } from './support/loads.js'
import { describeTimedStores, type Opened, type TimedStore } from './support/stores.js'

noUnhandledRejections()

const TAG = 'tag'
const PARENT = 'parent'
const VIEW = 'view'
const OLD = 'stored before'
const LATE = 'loaded before the change'
const SET = 'set'

/** Where the key lives: two views deep, so that changes around it meet it too. */
function viewOf(cache: Cache): CacheView {
  return cache.namespace(PARENT).namespace(VIEW)
}

/** A change that resolves `true` while a load runs, and what it leaves under the key. */
interface Change {
  readonly change: string
  readonly make: (opened: Opened) => Promise<boolean>
  /** A value that is there afterwards. */
  readonly left?: string
  /** What stale rules may still serve. */
  readonly stale?: string
}

const CHANGES: readonly Change[] = [
  { change: 'delete', make: ({ cache }) => viewOf(cache).delete('k') },
  { change: 'deleteMany', make: ({ cache }) => viewOf(cache).deleteMany(['other', 'k']) },
  { change: 'clear', make: ({ cache }) => viewOf(cache).clear() },
  { change: 'clear with purge', make: ({ cache }) => viewOf(cache).clear({ purge: true }) },
  { change: "the parent's clear", make: ({ cache }) => cache.namespace(PARENT).clear() },
  { change: "the cache's clear", make: ({ cache }) => cache.clear() },
  { change: 'deleteByTag', make: ({ cache }) => viewOf(cache).deleteByTag(TAG) },
  { change: "the parent's deleteByTag", make: ({ cache }) => cache.namespace(PARENT).deleteByTag(TAG) },
  { change: "the cache's deleteByTag", make: ({ cache }) => cache.deleteByTag(TAG) },
  { change: 'expire', make: expire, stale: OLD },
  { change: 'set', make: ({ cache }) => viewOf(cache).set('k', SET, { tags: [] }), left: SET },
  { change: 'set with the tag', make: ({ cache }) => viewOf(cache).set('k', SET, { tags: [TAG] }), left: SET },
  { change: 'setMany', make: ({ cache }) => viewOf(cache).setMany([['k', SET]]), left: SET },
  { change: 'set of what is not to be stored', make: ({ cache }) => viewOf(cache).set('k', SET, { ttl: 0 }) },
]

/** A load under way, and how the test ends it. */
interface UnderWay {
  /** What its caller got, or will get. */
  readonly caller: Promise<unknown>
  readonly land: (value: unknown) => void
}

/** A way in which a load comes to run. The key carries the tag, by the call or by the loader. */
interface Path {
  readonly path: string
  readonly needsOld: boolean
  readonly begin: (opened: Opened, tagged: 'by the call' | 'by the loader') => Promise<UnderWay>
}

const WINDOWS = { staleWhileRevalidate: 60_000, staleIfError: 60_000 }

function tagsOf(tagged: string): { tags?: string[] } {
  return tagged === 'by the call' ? { tags: [TAG] } : {}
}

/** What the loader is to return, so that the value carries the tag. */
function result(tagged: string, value: unknown): unknown {
  return tagged === 'by the call' ? value : entry(value, { tags: [TAG] })
}

async function storeOld({ cache }: Opened): Promise<void> {
  await viewOf(cache).set('k', OLD, { ...WINDOWS, tags: [TAG] })
}

async function storeStale(opened: Opened): Promise<void> {
  await storeOld(opened)
  await expire(opened)
}

/** Time that stands still is behind Redis's, which does not: it must learn the time anew to see the entry stale. */
async function expire({ cache, pass }: Opened): Promise<boolean> {
  const expired = await viewOf(cache).expire('k')
  await pass(1_001)
  return expired
}

const PATHS: readonly Path[] = [
  {
    path: 'a foreground load',
    needsOld: false,
    async begin({ cache }, tagged) {
      const loader = new HeldLoader<unknown>()
      const caller = viewOf(cache).getOrSet('k', loader.load, tagsOf(tagged))
      const { resolve } = await loader.run(1)
      return { caller, land: (value) => resolve(result(tagged, value)) }
    },
  },
  {
    path: 'a load through wrap',
    needsOld: false,
    async begin({ cache }, tagged) {
      const loader = new HeldLoader<unknown>()
      const wrapped = viewOf(cache).wrap((_: string) => loader.load(undefined as never), {
        key: (key) => key,
        ...tagsOf(tagged),
      })
      const caller = wrapped('k')
      const { resolve } = await loader.run(1)
      return { caller, land: (value) => resolve(result(tagged, value)) }
    },
  },
  {
    path: 'a batch load',
    needsOld: false,
    async begin({ cache }, tagged) {
      const loader = new HeldBatchLoader()
      const caller = viewOf(cache)
        .getOrSetMany(['before', 'k', 'after'], loader.load, tagsOf(tagged))
        .then((values) => values[1])
      const { resolve } = await loader.run(1)
      return { caller, land: (value) => resolve(['b', result(tagged, value), 'a']) }
    },
  },
  {
    path: 'a load by refresh: true',
    needsOld: true,
    async begin(opened, tagged) {
      await storeOld(opened)
      const loader = new HeldLoader<unknown>()
      const caller = viewOf(opened.cache).getOrSet('k', loader.load, { refresh: true, ...tagsOf(tagged) })
      const { resolve } = await loader.run(1)
      return { caller, land: (value) => resolve(result(tagged, value)) }
    },
  },
  {
    path: 'a revalidation behind a stale value',
    needsOld: true,
    async begin(opened, tagged) {
      await storeStale(opened)
      const loader = new HeldLoader<unknown>()
      const caller = viewOf(opened.cache).getOrSet('k', loader.load, { ...WINDOWS, ...tagsOf(tagged) })
      expect(await caller).toBe(OLD)
      const { resolve } = await loader.run(1)
      return { caller: Promise.resolve(LATE), land: (value) => resolve(result(tagged, value)) }
    },
  },
  {
    path: 'a batch revalidation behind stale values',
    needsOld: true,
    async begin(opened, tagged) {
      await storeStale(opened)
      const loader = new HeldBatchLoader()
      const caller = viewOf(opened.cache).getOrSetMany(['k'], loader.load, { ...WINDOWS, ...tagsOf(tagged) })
      expect(await caller).toEqual([OLD])
      const { resolve } = await loader.run(1)
      return { caller: Promise.resolve(LATE), land: (value) => resolve([result(tagged, value)]) }
    },
  },
  {
    path: 'a load that outlasted softLoadTimeout',
    needsOld: true,
    async begin(opened, tagged) {
      const { cache, clock } = opened
      await viewOf(cache).set('k', OLD, { staleIfError: 60_000, tags: [TAG] })
      await expire(opened)
      const loader = new HeldLoader<unknown>()
      const caller = viewOf(cache).getOrSet('k', loader.load, { softLoadTimeout: 10, ...tagsOf(tagged) })
      const { resolve } = await loader.run(1)
      await clock.advance(10)
      expect(await caller).toBe(OLD)
      return { caller: Promise.resolve(LATE), land: (value) => resolve(result(tagged, value)) }
    },
  },
  {
    path: 'an early refresh',
    needsOld: true,
    async begin({ cache, clock, quiet }, tagged) {
      const first = new HeldLoader<unknown>()
      const old = viewOf(cache).getOrSet('k', first.load, { ...WINDOWS, ttl: 1_000, tags: [TAG] })
      const { resolve: end } = await first.run(1)
      await clock.advance(500)
      end(OLD)
      await old
      await quiet()
      random = 0.999_999
      const loader = new HeldLoader<unknown>()
      const caller = viewOf(cache).getOrSet('k', loader.load, tagsOf(tagged))
      expect(await caller).toBe(OLD)
      random = 0
      const { resolve } = await loader.run(1)
      return { caller: Promise.resolve(LATE), land: (value) => resolve(result(tagged, value)) }
    },
  },
]

/** What `random()` gives: near 1 makes an early refresh due. */
let random = 0

function open(store: TimedStore, options: Partial<CacheOptions> = {}): Promise<Opened> {
  random = 0
  return store.open(
    { earlyRefresh: true, ...options },
    fakeEnvironment(() => random),
  )
}

describeTimedStores('a change that is confirmed while a load runs wins over it', (store) => {
  describe.each(PATHS)('during $path', ({ begin }) => {
    describe.each(['by the call', 'by the loader'] as const)('tagged %s', (tagged) => {
      test.each(CHANGES)('$change: nobody who comes later gets what was loaded', async ({ make, left }) => {
        const opened = await open(store)
        const { cache, another, quiet } = opened
        const view = viewOf(cache)
        const { caller, land } = await begin(opened, tagged)
        expect(await make(opened)).toBe(true)
        expect(await view.get('k')).toBe(left)

        land(LATE)
        expect(await caller).toBe(LATE)
        await quiet()
        expect(await view.get('k')).toBe(left)
        expect(view.peek('k')).toBe(store.hasMemory ? left : undefined)
        expect(await view.has('k')).toBe(left !== undefined)
        expect((await view.inspect('k'))?.value).not.toBe(LATE)
        const elsewhere = another()
        if (elsewhere !== undefined) expect(await viewOf(elsewhere).get('k')).toBe(left)
        expect(await view.getMany(['k'])).toEqual([left])
        expect(await view.getOrSet('k', () => 'new', { refresh: true })).toBe('new')
      })

      test.each(CHANGES)('$change: nor does a caller who comes while it still runs', async ({ make, left, stale }) => {
        const opened = await open(store)
        const { cache, quiet } = opened
        const { caller, land } = await begin(opened, tagged)
        expect(await make(opened)).toBe(true)
        const later = viewOf(cache).getOrSet('k', () => 'new', tagsOf(tagged))
        const laterMany = viewOf(cache).getOrSetMany(['k'], () => ['new'], tagsOf(tagged))
        await quiet()
        land(LATE)
        expect(await caller).toBe(LATE)
        // What was there before is stale after `expire`, and gone after all others.
        const allowed = [left ?? 'new', ...(stale === undefined ? [] : [stale])]
        expect(await later).toBeOneOf(allowed)
        expect((await laterMany)[0]).toBeOneOf(allowed)
        await quiet()
        expect(await viewOf(cache).get('k')).toBe(left ?? 'new')
      })
    })
  })
})
