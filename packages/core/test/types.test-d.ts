/** Promises about types: this file is compiled by `tsc -b`, and an error in it is a failure. It is never run. */
import { Cluster as Cluster6, Redis as Redis6 } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import {
  type BatchLoader,
  type Cache,
  CacheClosedError,
  CacheError,
  type CacheOptions,
  type CacheStats,
  type CacheView,
  createCache,
  type Entry,
  entry,
  InvalidKeyError,
  InvalidOptionError,
  InvalidValueError,
  isCacheError,
  type Lifetime,
  type LoadContext,
  type Loader,
  type LoadResult,
  LoadTimeoutError,
  type Milliseconds,
  notModified,
  type ReadOptions,
  type RedisLike,
} from '../src/index.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles where the value's type is exactly the one asked for. */
function is<Expected>() {
  return <Actual>(
    _value: Actual,
    ..._same: Equal<Actual, Expected> extends true ? [] : ['not the type expected']
  ): void => {}
}

interface User {
  readonly id: number
  readonly name: string
}

declare const findUser: (id: number) => Promise<User>
declare const cache: Cache
declare const view: CacheView

// getOrSet gives what the loader gives, however it gives it.
is<Promise<User>>()(cache.getOrSet('a', () => findUser(1)))
is<Promise<User>>()(cache.getOrSet('a', async () => entry(await findUser(1), { ttl: 5 })))
// A loader that looks at its context gives its type too.
is<Promise<User>>()(cache.getOrSet('a', async ({ signal, key }) => findUser(signal.aborted ? 0 : key.length)))
is<Promise<User | null>>()(cache.getOrSet('a', async () => null as User | null))
is<Promise<User | undefined>>()(cache.getOrSet('a', async () => undefined as User | undefined))
is<Promise<number>>()(cache.getOrSet('a', () => 1 as number))
is<Promise<number>>()(cache.getOrSet('a', () => entry(1 as number, { ttl: 5, tags: ['b'] })))
is<Promise<string[]>>()(
  view.getOrSet('a', () => ['a'], { ttl: 1, refresh: true, signal: new AbortController().signal }),
)
is<Promise<User>>()(cache.getOrSet<User>('a', ({ stale }) => stale ?? findUser(1)))
is<Promise<User>>()(cache.getOrSet<User>('a', ({ stale }) => (stale === undefined ? findUser(1) : notModified())))

// get tells what it was told, and unknown otherwise.
is<Promise<unknown>>()(cache.get('a'))
is<Promise<User | undefined>>()(cache.get<User>('a'))
is<Promise<Array<User | undefined>>>()(cache.getMany<User>(['a'] as const))
is<User | undefined>()(cache.peek<User>('a'))
is<Promise<Entry<User> | undefined>>()(cache.inspect<User>('a'))
is<Promise<boolean>>()(cache.set('a', 1, { ttl: 5 }))
is<Promise<boolean>>()(cache.setMany(new Map([['a', 1]])))
is<Promise<boolean>>()(cache.deleteMany(new Set(['a'])))
is<Promise<Array<User | undefined>>>()(
  cache.getOrSetMany(['1'], (keys) => Promise.all(keys.map((key) => findUser(+key)))),
)
is<Promise<Array<User | undefined>>>()(cache.getOrSetMany(['1'], async () => new Map<string, User>()))

// wrap keeps the function's type.
const wrapped = cache.wrap((id: number, name: string) => findUser(id + name.length), {
  key: (id, name) => `${id} ${name}`,
})
is<Promise<User>>()(wrapped(1, 'a'))
// @ts-expect-error an argument of another type
wrapped('1', 'a')
// @ts-expect-error an argument is missing
wrapped(1)
is<Promise<number>>()(cache.wrap(() => 1 as number, { key: () => 'a' })())
// A function that decides its lifetime gives its value, as a loader does.
is<Promise<User>>()(cache.wrap(async (id: number) => entry(await findUser(id), { ttl: 5 }), { key: String })(1))
is<Promise<number>>()(cache.wrap(() => entry(1 as number, { ttl: 5 }), { key: () => 'a' })())
declare const mayDecide: (id: number) => Promise<User | LoadResult<User>>
is<Promise<User>>()(cache.wrap(mayDecide, { key: String })(1))
const rest = cache.wrap((...ids: number[]) => Promise.all(ids.map(findUser)), { key: (...ids) => ids.join() })
is<Promise<User[]>>()(rest(1, 2, 3))
const generic = cache.wrap(async <T>(value: T) => value, { key: (value) => `${value}` })
is<Promise<string>>()(generic<string>('a'))
const optional = cache.wrap((id: number, locale?: string) => findUser(id + (locale?.length ?? 0)), {
  key: (id, locale) => `${id} ${locale}`,
})
is<Promise<User>>()(optional(1, 'en'))
// An optional parameter stays one.
optional(1)
// @ts-expect-error a key is needed
cache.wrap((id: number) => findUser(id), { ttl: 5 })
// @ts-expect-error the key is made of the function's own arguments
cache.wrap((id: number) => findUser(id), { key: (id: string) => id })

// Every client of both lines is a RedisLike, and what is none is not.
const clients: readonly RedisLike[] = [new Redis6(), new Redis5(), new Cluster6([]), new Cluster5([])]
createCache({ name: 'a', redis: new Redis6({ lazyConnect: true }) })
createCache({ name: 'a', redis: new Redis5({ lazyConnect: true }) })
createCache({ name: 'a', redis: new Cluster6([]) })
createCache({ name: 'a', redis: new Cluster5([]) })
// @ts-expect-error a Map is no client
createCache({ name: 'a', redis: new Map() })
// @ts-expect-error a URL is no client
createCache({ name: 'a', redis: 'redis://127.0.0.1' })

// Options are closed: a misspelt one is an error before anything runs.
// @ts-expect-error a name is needed
createCache({})
// @ts-expect-error misspelt
createCache({ name: 'a', tll: 5 })
// @ts-expect-error misspelt
cache.set('a', 1, { tll: 5 })
// @ts-expect-error neither of the two
createCache({ name: 'a', values: 'shared' })
// @ts-expect-error durations are numbers
createCache({ name: 'a', ttl: '5s' })
// @ts-expect-error attributes are strings
createCache({ name: 'a', attributes: { region: 5 } })

// Errors narrow.
const caught: unknown = undefined
if (isCacheError(caught)) {
  is<string>()(caught.code)
  caught satisfies Error
}
export const errors: readonly CacheError[] = [
  new InvalidOptionError('a', 'b', 'c'),
  new InvalidKeyError('a', 'b', 'c'),
  new InvalidValueError('a'),
  new LoadTimeoutError(['a'], 5),
  new CacheClosedError('a'),
  new CacheError('ERR', 'a'),
]

// What the contract names is there under that name and in that shape.
export const result: LoadResult<User> = entry({ id: 1, name: 'Ada' }, { ttl: 5 })
export const loader: Loader<User> = ({ key }: LoadContext<User>) => findUser(key.length)
export const batchLoader: BatchLoader<User> = (keys, { signal }) =>
  signal.aborted ? [] : new Map([[`${keys[0]}`, { id: 1, name: 'Ada' }]])
export const duration: Milliseconds = Number.POSITIVE_INFINITY
export const lifetime: Required<Lifetime> = {
  ttl: duration,
  negativeTtl: 0,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  jitter: 0.5,
  tags: ['a'] as const,
}
export const readOptions: Required<ReadOptions> = {
  ...lifetime,
  signal: AbortSignal.timeout(5),
  refresh: true,
  loadTimeout: 5,
  softLoadTimeout: 5,
}
export const everyOption: Required<Omit<CacheOptions, 'meterProvider' | 'tracerProvider'>> = {
  ...lifetime,
  name: 'a',
  keyPrefix: 'a:',
  version: 1,
  redis: clients[0] as RedisLike,
  memory: { maxEntries: 5, maxBytes: 5 },
  maxStaleness: 5,
  redisTimeout: 5,
  loadTimeout: 5,
  softLoadTimeout: 5,
  maxConcurrentLoads: 5,
  earlyRefresh: { beta: 1 },
  codec: { encode: JSON.stringify, decode: (stored) => JSON.parse(String(stored)) },
  compression: { algorithm: 'zstd', threshold: 5 },
  encryption: { current: 'a', keys: { a: new Uint8Array() } },
  schema: { '~standard': { version: 1, vendor: 'a', validate: (value) => ({ value }) } },
  maxValueBytes: 5,
  values: 'copy',
  attributes: { region: 'eu' } as const,
  histograms: 'seconds',
  timeMemoryHits: true,
  spanKey: (key) => (key.startsWith('a') ? key : undefined),
  waitUntil: (background) => void background,
}
is<CacheStats>()(cache.stats())
is<{ memory: number; redis: number }>()(cache.stats().hits)
is<'closed' | 'half-open' | 'open'>()(cache.stats().circuit)
is<Milliseconds | undefined>()(cache.stats().proofAge)
is<Promise<{ unconfirmed: number }>>()(cache.close())
is<Promise<void>>()(cache.ready({ timeout: 5 }))
is<CacheView>()(cache.namespace('a', { ttl: 5 }).namespace('b'))
cache satisfies AsyncDisposable
