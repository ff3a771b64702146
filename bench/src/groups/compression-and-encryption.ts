import { randomBytes } from 'node:crypto'
import zlib from 'node:zlib'
import type { CacheOptions } from '@otel-cache/core'
import { catalogue, inTurn, manyKeys } from '../documents.js'
import type { Case, Group } from '../group.js'

type Options = Pick<CacheOptions, 'compression' | 'encryption'>

const encryption = { current: 'k1', keys: { k1: new Uint8Array(randomBytes(32)) } }
const zstd: ReadonlyArray<readonly [string, Options]> =
  'zstdCompress' in zlib ? [['zstd', { compression: { algorithm: 'zstd', threshold: 0 } }]] : []
const SETUPS: ReadonlyArray<readonly [string, Options]> = [
  ['gzip', { compression: { algorithm: 'gzip', threshold: 0 } }],
  ['brotli', { compression: { algorithm: 'brotli', threshold: 0 } }],
  ...zstd,
  ['encrypted', { encryption }],
]

/** What is added to a `set` and to a `get` from Redis, loopback, where bytes cost next to nothing; and the bytes saved. */
export const compressionAndEncryption: readonly Group[] = [1, 10, 100].map((kilobytes) => {
  const documentOf = (id: number): unknown => catalogue(id, kilobytes * 1_000)
  const keys = manyKeys('', 16)
  // 100 kB keep zlib busy for so long that what V8 makes of the rest is lost in it.
  const warm = kilobytes === 100 && { warmAfter: 1_200 }
  const casesOf = (suffix: string, options: Options): Case[] => [
    {
      name: `get${suffix}`,
      awaited: true,
      ...warm,
      async prepare(stage) {
        const redis = await stage.redis()
        const cache = await stage.filledCache(keys, documentOf, { redis, memory: false, ...options }, false)
        const key = inTurn(keys)
        return () => cache.get(key())
      },
    },
    {
      name: `set${suffix}`,
      awaited: true,
      ...warm,
      async prepare(stage) {
        const redis = await stage.redis()
        const cache = stage.cache({ redis, memory: false, ...options }, false, 'no lookups')
        const [key, document] = [inTurn(keys), inTurn(keys.map((_, id) => documentOf(id)))]
        return () => cache.set(key(), document())
      },
    },
  ]
  return {
    name: `compression-and-encryption-${kilobytes}kb`,
    isLong: true,
    cases: [...casesOf('', {}), ...SETUPS.flatMap(([name, options]) => casesOf(`, ${name}`, options))],
    figures: SETUPS.flatMap(([name]) =>
      ['get', 'set'].map((floor) => ({ subject: `${floor}, ${name}`, floor, kind: 'added' }) as const),
    ),
  }
})
