import { expect, test } from 'vitest'
import { bytesCodec } from '../../src/codecs/bytes.js'
import { type CacheOptions, InvalidValueError } from '../../src/index.js'
import { freshName } from '../support/caches.js'
import { describeStores } from '../support/stores.js'
import { noUnhandledRejections } from '../support/unhandled.js'

noUnhandledRejections()

const BYTES = [0, 10, 13, 255, 128, 35]

describeStores('bytes', (store) => {
  const make = (options: Partial<CacheOptions> = {}) => store.make({ codec: bytesCodec, ...options })

  test.each([
    ['a Uint8Array', Uint8Array.from(BYTES)],
    ['a Buffer', Buffer.from(BYTES)],
    ['a part of a larger buffer', Uint8Array.from([1, ...BYTES, 2]).subarray(1, -1)],
    ['nothing', new Uint8Array()],
  ])('%s comes back as a Buffer, from a load, from memory, from Redis and from a set', async (_, value) => {
    const cache = await make()
    await cache.set('b', value)
    for (const read of [
      () => cache.getOrSet('a', () => value),
      () => cache.getOrSet('a', () => Uint8Array.of(1)),
      () => cache.get<Uint8Array>('a'),
      () => cache.get<Uint8Array>('b'),
    ]) {
      const bytes = await read()
      expect(bytes).toBeInstanceOf(Buffer)
      expect([...(bytes ?? [])]).toEqual([...value])
    }
  })

  test.each(['frozen', 'copy'] as const)(
    "each caller has its own, and the loader's is nobody's (%s)",
    async (values) => {
      const cache = await make({ values })
      const own = Uint8Array.from(BYTES)
      const first = await cache.getOrSet('a', () => own)
      own.fill(1)
      first.fill(2)
      expect([...((await cache.get<Uint8Array>('a')) ?? [])]).toEqual(BYTES)
    },
  )

  test.each([['text'], [5], [null], [[1, 2]], [new ArrayBuffer(2)], [Uint16Array.of(1)], [{}]])(
    'what is no bytes is refused: %s',
    async (value) => {
      const cache = await make()
      await expect(cache.set('a', value)).rejects.toBeInstanceOf(InvalidValueError)
      await expect(cache.getOrSet('a', () => value)).rejects.toBeInstanceOf(InvalidValueError)
    },
  )

  test("what JSON or another codec's text has stored is a miss", async () => {
    for (const codec of [undefined, { encode: String, decode: String }]) {
      const name = freshName()
      await (await store.make({ name, ...(codec && { codec }) })).set('a', 'text')
      expect(await (await make({ name })).get('a')).toBeUndefined()
    }
  })
})
