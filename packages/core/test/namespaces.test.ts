import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { CacheView } from '../src/index.js'
import { makeCache, makeTimedCache } from './support/caches.js'
import { turn } from './support/fake-clock.js'
import { describeStores } from './support/stores.js'

const KEYS = [
  'a',
  'a:b',
  '{a}',
  '}',
  '%',
  '%7d',
  '*',
  '?[a]\\',
  'NUL\0NUL',
  '\0',
  '\0a:{b',
  ' \n\t',
  'é',
  '👩‍👩‍👧‍👦',
  'k'.repeat(512),
  '👍'.repeat(128),
  '__proto__',
  'constructor',
]

describeStores('keys and namespaces', (store) => {
  test('every key is a key of its own, in every view', async () => {
    const cache = await store.make()
    const views: CacheView[] = [
      cache,
      cache.namespace('a'),
      cache.namespace('a').namespace('b'),
      cache.namespace('a:b'),
    ]
    const values = views.map((_, view) => KEYS.map((key) => [key, `${view} ${key}`] as const))
    for (const [index, view] of views.entries()) expect(await view.setMany(values[index] ?? [])).toBe(true)
    for (const [index, view] of views.entries()) {
      expect(await view.getMany(KEYS)).toEqual(values[index]?.map(([, value]) => value))
      for (const key of KEYS) expect(await view.get(key)).toBe(`${index} ${key}`)
    }
  })

  test('a + b:c is never a:b + c, nor any other way to cut the same letters', async () => {
    const cache = await store.make()
    const places: Array<[string[], string]> = [
      [[], 'a:b:c'],
      [['a'], 'b:c'],
      [['a:b'], 'c'],
      [['a', 'b'], 'c'],
      [['a%3ab'], 'c'],
      [['a:'], 'b:c'],
      [['a:b:'], 'c'],
      [['a', 'b:'], 'c'],
      [['a{b'], 'c'],
      [['a'], '{b{c'],
    ]
    const viewOf = (path: string[]): CacheView => path.reduce<CacheView>((view, name) => view.namespace(name), cache)
    for (const [path, key] of places) await viewOf(path).set(key, [path, key])
    for (const [path, key] of places) expect(await viewOf(path).get(key)).toEqual([path, key])
  })

  test('two views of one name are one view', async () => {
    const cache = await store.make()
    await cache.namespace('a').set('k', 1)
    expect(await cache.namespace('a').get('k')).toBe(1)
    await cache.namespace('a').delete('k')
    expect(await cache.namespace('a').get('k')).toBeUndefined()
  })

  test.each([{ purge: false }, { purge: true }])(
    "a child's clear leaves its parent and siblings alone (%o)",
    async (options) => {
      const cache = await store.make()
      const child = cache.namespace('users')
      const others: CacheView[] = [
        cache,
        cache.namespace('user'),
        cache.namespace('userss'),
        cache.namespace('users:'),
        cache.namespace('*'),
        cache.namespace('orders').namespace('users'),
      ]
      const inside: CacheView[] = [child, child.namespace('deeper'), child.namespace('deeper').namespace('still')]
      for (const view of [...others, ...inside]) await view.set('k', 1)
      expect(await child.clear(options)).toBe(true)
      for (const view of inside) expect(await view.get('k')).toBeUndefined()
      for (const view of others) expect(await view.get('k')).toBe(1)
      for (const view of inside) await view.set('k', 2)
      for (const view of inside) expect(await view.get('k')).toBe(2)
    },
  )

  test("a parent's clear includes its children, also those first named afterwards", async () => {
    const cache = await store.make()
    const parent = cache.namespace('a')
    await parent.namespace('b').set('k', 1)
    await parent.namespace('b').namespace('c').set('k', 1)
    await parent.clear()
    expect(await cache.namespace('a').namespace('b').get('k')).toBeUndefined()
    await cache.namespace('a').namespace('b').set('k', 2)
    expect(await cache.clear()).toBe(true)
    expect(await cache.namespace('a').namespace('b').get('k')).toBeUndefined()
    expect(await cache.namespace('a').namespace('b').namespace('c').get('k')).toBeUndefined()
  })

  test('clear of a namespace that nobody has used is true', async () => {
    const cache = await store.make()
    expect(await cache.namespace('unused').clear()).toBe(true)
  })

  test('callers of one key through views made inline share one load', async () => {
    const cache = await store.make()
    let loads = 0
    const load = async () => {
      loads += 1
      await turn()
      return loads
    }
    const views = Array.from({ length: 20 }, () => cache.namespace('a').namespace('b'))
    expect(await Promise.all(views.map((view) => view.getOrSet('k', load)))).toEqual(new Array(20).fill(1))
    expect(loads).toBe(1)
  })
})

test('a view has defaults of its own, which its children inherit and calls override', async () => {
  const { cache, clock } = makeTimedCache({ ttl: 1_000 })
  const short = cache.namespace('short', { ttl: 100 })
  const child = short.namespace('child')
  const grandchild = child.namespace('grandchild', { negativeTtl: 20 })
  await Promise.all([cache.set('k', 1), short.set('k', 1), child.set('k', 1), short.set('long', 1, { ttl: 500 })])
  await Promise.all([grandchild.set('k', 1), grandchild.set('null', null)])
  const present = () =>
    [cache.peek('k'), short.peek('k'), child.peek('k'), grandchild.peek('k'), short.peek('long')].map((v) => v === 1)
  await clock.advance(20)
  expect(grandchild.peek('null')).toBeUndefined()
  await clock.advance(79)
  expect(present()).toEqual([true, true, true, true, true])
  await clock.advance(1)
  expect(present()).toEqual([true, false, false, false, true])
  await clock.advance(400)
  expect(present()).toEqual([true, false, false, false, false])
})

test('namespaces by the million leave no growth', { timeout: 60_000 }, async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const cache = makeCache({ memory: { maxEntries: 100 } })
  const heap = async (): Promise<number> => {
    // Twice, with turns between: what is finalized is let go of in a later turn.
    for (let round = 0; round < 3; round++) {
      collect()
      await turn()
      await turn()
    }
    return process.memoryUsage().heapUsed
  }
  const use = async (from: number, to: number): Promise<void> => {
    for (let index = from; index < to; index++) {
      const view = cache.namespace(`tenant-${index}`)
      await view.getOrSet('k', () => index)
      if (index % 10 === 0) await view.clear()
      // Weak references are held until the turn ends.
      if (index % 1_000 === 0) await turn()
    }
  }
  await use(0, 20_000)
  const before = await heap()
  await use(20_000, 120_000)
  const grown = (await heap()) - before
  expect(cache.stats().entries).toBeLessThanOrEqual(100)
  // 100,000 namespaces: a single small Map entry of each would be above 5 MB.
  expect(grown).toBeLessThan(2_000_000)
})
