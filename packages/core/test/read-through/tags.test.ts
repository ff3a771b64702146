import { describe, expect, test } from 'vitest'
import { entry, type RedisLike } from '../../src/index.js'
import { NOTE_AND_CLAIM } from '../../src/redis/scripts.js'
import { freshName } from '../support/caches.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { HeldLoader, unexpected } from './support/loads.js'
import { describeTimedStores, useTimedRedis } from './support/stores.js'

noUnhandledRejections()

describeTimedStores('deleteByTag', (store) => {
  test('removes what carries the tag, by whomever it was decided, and nothing else', async () => {
    const { cache, another, quiet } = await store.open()
    await cache.set('set', 1, { tags: ['t', 'other'] })
    await cache.getOrSet('call', () => 1, { tags: ['t'] })
    await cache.getOrSet('loader', () => entry(1, { tags: ['x', 't'] }))
    await cache.getOrSetMany(['many'], () => [1], { tags: ['t'] })
    await cache.namespace('n', { tags: ['t'] }).getOrSet('defaults', () => 1)
    await cache.set('plain', 1)
    await cache.set('others', 1, { tags: ['other', 'x', 'tt', 'T'] })
    await quiet()
    const keys = ['set', 'call', 'loader', 'many', 'plain', 'others']
    expect(await cache.getMany(keys)).toEqual([1, 1, 1, 1, 1, 1])
    if (another() !== undefined) expect(await another()?.getMany(keys)).toEqual([1, 1, 1, 1, 1, 1])
    expect(await cache.deleteByTag('t')).toBe(true)
    const left = [undefined, undefined, undefined, undefined, 1, 1]
    expect(await cache.getMany(keys)).toEqual(left)
    for (const key of keys.slice(0, 4)) expect(await cache.inspect(key)).toBeUndefined()
    expect(await cache.namespace('n').get('defaults')).toBeUndefined()
    if (another() !== undefined) expect(await another()?.getMany(keys)).toEqual(left)
    expect(await cache.deleteByTag('never used')).toBe(true)
  })

  test('takes what is stale, too', async () => {
    const { cache, pass } = await store.open({ ttl: 5_000, staleWhileRevalidate: 60_000, staleIfError: 60_000 })
    await cache.set('k', 'old', { tags: ['t'] })
    await pass(6_000)
    expect(await cache.deleteByTag('t')).toBe(true)
    expect(await cache.getOrSet('k', () => 'new')).toBe('new')
    await cache.set('l', 'old', { tags: ['t'] })
    await pass(6_000)
    await cache.deleteByTag('t')
    await expect(cache.getOrSet('l', () => Promise.reject(new Error('origin')))).rejects.toThrow('origin')
  })

  test('of a view reaches its children, and neither its parent nor its siblings', async () => {
    const { cache, another, quiet } = await store.open()
    const views = {
      root: cache,
      parent: cache.namespace('parent'),
      child: cache.namespace('parent').namespace('child'),
      sibling: cache.namespace('parent').namespace('sibling'),
      namesake: cache.namespace('child'),
      prefix: cache.namespace('par'),
    }
    const fill = async () => {
      for (const view of Object.values(views)) await view.set('k', 1, { tags: ['t'] })
    }
    const held = async (one: typeof cache) =>
      Promise.all(
        [
          one,
          one.namespace('parent'),
          one.namespace('parent').namespace('child'),
          one.namespace('parent').namespace('sibling'),
          one.namespace('child'),
          one.namespace('par'),
        ].map((view) => view.has('k')),
      )
    for (const [view, left] of [
      ['child', [true, true, false, true, true, true]],
      ['parent', [true, false, false, false, true, true]],
      ['root', [false, false, false, false, false, false]],
    ] as const) {
      await fill()
      expect(await held(cache)).toEqual([true, true, true, true, true, true])
      expect(await views[view].deleteByTag('t')).toBe(true)
      await quiet()
      expect(await held(cache), view).toEqual(left)
      const other = another()
      if (other !== undefined) expect(await held(other), view).toEqual(left)
    }
  })

  test('during loads in views around it: only those it reaches are too old', async () => {
    const { cache, quiet } = await store.open()
    const child = cache.namespace('parent').namespace('child')
    const sibling = cache.namespace('parent').namespace('sibling')
    const loaders = [new HeldLoader<unknown>(), new HeldLoader<unknown>(), new HeldLoader<unknown>()] as const
    const calls = [
      child.getOrSet('k', loaders[0].load),
      sibling.getOrSet('k', loaders[1].load, { tags: ['t'] }),
      cache.namespace('parent').getOrSet('k', loaders[2].load),
    ]
    for (const loader of loaders) await loader.run(1)
    expect(await child.deleteByTag('t')).toBe(true)
    for (const { runs } of loaders) runs[0]?.resolve(entry('v', { tags: ['t'] }))
    expect(await Promise.all(calls)).toEqual(['v', 'v', 'v'])
    await quiet()
    expect(await child.get('k')).toBeUndefined()
    expect(await sibling.get('k')).toBe('v')
    expect(await cache.namespace('parent').get('k')).toBe('v')
  })

  test('during a load whose value turns out not to carry the tag leaves that value alone', async () => {
    const { cache, quiet } = await store.open()
    const { load, run } = new HeldLoader<unknown>()
    const call = cache.getOrSet('k', load)
    const { resolve } = await run(1)
    await cache.deleteByTag('t')
    const later = cache.getOrSet('k', unexpected)
    await quiet()
    resolve(entry('v', { tags: ['u'] }))
    expect(await Promise.all([call, later])).toEqual(['v', 'v'])
    await quiet()
    expect(await cache.get('k')).toBe('v')
  })

  test('before a load leaves that alone', async () => {
    const { cache, quiet } = await store.open({ tags: ['t'] })
    await cache.set('k', 'old')
    const deleted = cache.deleteByTag('t')
    const loading = cache.getOrSet('k', () => 'new')
    expect(await deleted).toBe(true)
    expect(await loading).toBe('new')
    await quiet()
    expect(await cache.getOrSet('k', () => 'newer')).toBeOneOf(['new', 'newer'])
    await quiet()
    expect(await cache.getOrSet('k', unexpected)).toBeOneOf(['new', 'newer'])
  })

  // Tags are sorted and shared: a caller who changed what `inspect` told once changed those of the whole cache.
  test('is not misled by a caller who changes the tags that inspect told', async () => {
    const { cache, another, quiet } = await store.open({ tags: ['t'] })
    await cache.getOrSet('loaded', () => 1)
    await cache.set('set', 1)
    await cache.set('bare', 1, { tags: [] })
    await quiet()
    for (const one of [cache, another() ?? cache]) {
      for (const key of ['loaded', 'set', 'bare']) {
        const told = await one.inspect(key)
        try {
          const tags = told?.tags as string[] | undefined
          tags?.push('another')
        } catch {}
        expect((await one.inspect(key))?.tags).toEqual(key === 'bare' ? [] : ['t'])
      }
      await one.set('later', 1)
      expect((await one.inspect('later'))?.tags).toEqual(['t'])
    }
  })

  test('takes tags of any characters', async () => {
    const { cache, another } = await store.open()
    const tags = ['a:b', '{x}', '}', '%', ' ', 'ä€', '\0', '#1,2', 'a,b', '\n', '*']
    for (const [index, tag] of tags.entries()) await cache.set(`k${index}`, index, { tags: [tag] })
    for (const [index, tag] of tags.entries()) {
      if (another() !== undefined) expect(await another()?.get(`k${index}`)).toBe(index)
      expect((await cache.inspect(`k${index}`))?.tags).toEqual([tag])
      expect(await cache.deleteByTag(tag)).toBe(true)
      const held = await Promise.all(tags.map((_, other) => cache.has(`k${other}`)))
      expect(held, tag).toEqual(tags.map((_, other) => other > index))
    }
  })
})

describeTimedStores('a tag that only the loader names', (store) => {
  // Its generation was once believed from memory and never asked for again: what carried it was never stored again.
  test.runIf(store.isRedis).each(['another process ended it', 'Redis lost everything', 'Redis let it expire'])(
    'is noted anew after %s',
    async (how) => {
      const name = freshName()
      const { cache, another, client, quiet } = await store.open({ name })
      let loads = 0
      const ask = async (key: string): Promise<unknown> => {
        const value = await cache.getOrSet(key, () => entry(++loads, { tags: ['t'] }))
        await quiet()
        return value
      }
      expect(await ask('before')).toBe(1)
      if (how === 'another process ended it') await another()?.deleteByTag('t')
      else if (how === 'Redis let it expire') expect(await client?.del(`${name}:g:{t}`)).toBe(1)
      else await client?.del(await client.keys(`${name}:*`))
      expect([await ask('k'), await ask('k'), await another()?.get('k')]).toEqual([2, 2, 2])
      expect(await another()?.deleteByTag('t')).toBe(true)
      expect(await another()?.get('k')).toBeUndefined()
    },
  )
})

describe('a key that is asked for without a pause', () => {
  const redis = useTimedRedis()

  // Whoever came before what was under way at a deleteByTag had ended was once held to be as old, and so on for ever.
  test('is stored again after a deleteByTag', async () => {
    const held: Array<() => void> = []
    const { client } = redis
    const slow = new Proxy(client as unknown as RedisLike, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (name !== 'callBuffer') return typeof value === 'function' ? value.bind(target) : value
        return async (command: string, ...args: unknown[]) => {
          const isRead = command.toLowerCase() === 'mget' || args[0] === NOTE_AND_CLAIM.sha
          if (isRead) await new Promise<void>((resolve) => held.push(resolve))
          return target.callBuffer(command, ...args)
        }
      },
    })
    const { cache, quiet } = await redis.open({ redis: slow, memory: false, tags: ['t'] })
    const release = async (): Promise<void> => {
      held.shift()?.()
      await quiet()
    }
    const before = cache.get('k')
    await quiet()
    expect(await cache.deleteByTag('t')).toBe(true)
    const between = cache.get('k')
    await quiet()
    await release()
    const load = cache.getOrSet('k', () => 'loaded')
    await quiet()
    await release()
    const after = cache.get('k')
    await quiet()
    await release()
    expect(await Promise.all([before, between, load])).toEqual([undefined, undefined, 'loaded'])
    await release()
    expect(await after).toBe('loaded')
  })
})

describeTimedStores('clear', (store) => {
  test('takes everything in a view and below, stale values and all, and nothing beside it', async () => {
    const { cache, another, pass, quiet } = await store.open({ ttl: 5_000, staleIfError: 60_000 })
    const view = cache.namespace('a')
    const below = view.namespace('b')
    const beside = cache.namespace('ab')
    for (const one of [cache, view, below, beside]) await one.set('k', 1)
    await below.set('stale', 1)
    await pass(1_500)
    expect(await view.clear()).toBe(true)
    await quiet()
    const held = await Promise.all([cache, view, below, beside].map((one) => one.has('k')))
    expect(held).toEqual([true, false, false, true])
    expect(await another()?.namespace('a').has('k')).toBeFalsy()
    await pass(5_000)
    await expect(below.getOrSet('stale', () => Promise.reject(new Error('origin')))).rejects.toThrow('origin')
    expect(await beside.getOrSet('k', () => Promise.reject(new Error('origin')))).toBe(1)
    expect(await view.getOrSet('k', () => 2)).toBe(2)
    await quiet()
    expect(await view.get('k')).toBe(2)
  })
})
