import { expect, test } from 'vitest'
import { entry, isCacheError } from '../../src/index.js'
import { noUnhandledRejections } from '../support/unhandled.js'
import { HeldLoader } from './support/loads.js'
import { describeTimedStores } from './support/stores.js'

noUnhandledRejections()

describeTimedStores('wrap', (store) => {
  test('caches a function under the key of its arguments, which it gets as they were', async () => {
    const { cache } = await store.open()
    const calls: unknown[][] = []
    const add = (a: number, b: number, ...more: number[]) => {
      calls.push([a, b, ...more])
      return [a, b, ...more].reduce((sum, one) => sum + one, 0)
    }
    const cached = cache.wrap(add, { key: (...args) => args.join('+') })
    expect(await cached(1, 2)).toBe(3)
    expect(await cached(1, 2)).toBe(3)
    expect(await cached(1, 2, 3)).toBe(6)
    expect(calls).toEqual([
      [1, 2],
      [1, 2, 3],
    ])
    expect(await cache.get('1+2')).toBe(3)
    expect(await cache.delete('1+2')).toBe(true)
    expect(await cached(1, 2)).toBe(3)
    expect(calls).toHaveLength(3)
  })

  test('shares one call among concurrent callers, and its very failure', async () => {
    const { cache } = await store.open()
    const origin = new Error('origin')
    const { load, run } = new HeldLoader<string>()
    let calls = 0
    const cached = cache.wrap(
      async (_id: string) => {
        calls += 1
        return load(undefined as never)
      },
      { key: (id) => id },
    )
    const waiting = [cached('a'), cached('a'), cache.getOrSet('a', () => 'other')]
    const settled = Promise.allSettled(waiting)
    ;(await run(1)).reject(origin)
    for (const end of await settled) expect(end).toEqual({ status: 'rejected', reason: origin })
    expect(calls).toBe(1)
  })

  test('takes the options of a read, and those of its view', async () => {
    const { cache, pass, quiet } = await store.open({ ttl: 60_000 })
    let calls = 0
    const cached = cache
      .namespace('n', { tags: ['view'] })
      .wrap(() => ++calls, { key: () => 'k', ttl: 2_000, staleWhileRevalidate: 60_000 })
    expect(await cached()).toBe(1)
    await quiet()
    expect(await cache.namespace('n').inspect('k')).toMatchObject({ tags: ['view'] })
    await pass(3_000)
    expect(await cached()).toBe(1)
    await quiet()
    expect(await cached()).toBe(2)
    const refreshing = cache.namespace('n').wrap(() => ++calls, { key: () => 'k', refresh: true })
    expect(await refreshing()).toBe(3)
    expect(await refreshing()).toBe(4)
    const { signal } = new AbortController()
    await expect(cache.wrap(() => 1, { key: () => 'x', signal: AbortSignal.abort('gone') })()).rejects.toBe('gone')
    expect(await cache.wrap(() => 1, { key: () => 'x', signal })()).toBe(1)
  })

  test('lets the function decide the lifetime', async () => {
    const { cache, pass, quiet } = await store.open()
    const cached = cache.wrap(async () => entry('v', { ttl: 2_000 }), { key: () => 'k' })
    expect(await cached()).toBe('v')
    await quiet()
    await pass(3_000)
    expect(await cache.get('k')).toBeUndefined()
  })

  // A method wrapped where it is declared once lost its object.
  test('passes `this` on', async () => {
    const { cache } = await store.open()
    class Users {
      readonly prefix: string
      constructor(prefix: string) {
        this.prefix = prefix
      }
      readonly find = cache.wrap(
        function (this: unknown, id: string) {
          return `${(this as Users | undefined)?.prefix} ${id}`
        },
        { key: (id) => id },
      )
    }
    expect(await new Users('user').find('1')).toBe('user 1')
    expect(await new Users('other').find('2')).toBe('other 2')
    const { find } = new Users('lost')
    expect(await find('3')).toBe('undefined 3')
    // It is not part of the key.
    expect(await new Users('other').find('1')).toBe('user 1')
  })

  test('rejects, and never throws, for a bad key, a key function that throws and a function that throws', async () => {
    const { cache } = await store.open()
    const origin = new Error('origin')
    const fail = (): never => {
      throw origin
    }
    await expect(cache.wrap(() => 1, { key: () => '' })()).rejects.toSatisfy(isCacheError)
    await expect(cache.wrap(() => 1, { key: fail })()).rejects.toBe(origin)
    await expect(cache.wrap(fail, { key: () => 'k' })()).rejects.toBe(origin)
    expect(() => cache.wrap(undefined as never, { key: () => 'k' })).toThrow()
    expect(() => cache.wrap(() => 1, {} as never)).toThrow()
    expect(() => cache.wrap(() => 1, { key: () => 'k', ttl: -1 })).toThrow()
  })
})
