import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import {
  type Cache,
  CacheClosedError,
  CacheError,
  type CacheView,
  createCache,
  InvalidKeyError,
  InvalidOptionError,
  InvalidValueError,
  isCacheError,
  LoadTimeoutError,
} from '../src/index.js'
import { freshName, makeCache } from './support/caches.js'
import { noUnhandledRejections } from './support/unhandled.js'

noUnhandledRejections()

// biome-ignore lint/suspicious/noExplicitAny: what a caller without types may pass
type Anything = any

/** What an async member rejects with; a synchronous throw of one is a failure of its own. */
async function rejection(call: () => Promise<unknown>): Promise<unknown> {
  let promise: Promise<unknown>
  try {
    promise = call()
  } catch (error) {
    throw new Error(`thrown synchronously: ${error}`)
  }
  expect(promise).toBeInstanceOf(Promise)
  return promise.then(
    (value) => `resolved to ${String(value)}`,
    (error: unknown) => error,
  )
}

function thrown(call: () => unknown): unknown {
  try {
    return `returned ${String(call())}`
  } catch (error) {
    return error
  }
}

function expectError(error: unknown, Class: typeof CacheError | typeof InvalidKeyError, ...words: string[]): void {
  expect(error).toBeInstanceOf(Class)
  expect(error).toBeInstanceOf(CacheError)
  expect(isCacheError(error)).toBe(true)
  for (const word of words) expect((error as Error).message).toContain(word)
}

const BAD_KEYS: ReadonlyArray<readonly [unknown, string]> = [
  ['', '""'],
  ['x'.repeat(513), 'xxxx'],
  ['é'.repeat(257), 'éééé'],
  [undefined, 'undefined'],
  [null, 'null'],
  [42, '42'],
  [Number.NaN, 'NaN'],
  [1n, '1n'],
  [true, 'true'],
  [Symbol('mine'), 'Symbol(mine)'],
  [{}, 'object'],
  [['a'], 'array'],
  [() => 'a', 'function'],
  ['a\ud800', 'a'],
]

type Member = readonly [string, (view: CacheView, key: Anything) => Promise<unknown>]
const KEYED: readonly Member[] = [
  ['get', (view, key) => view.get(key)],
  ['getOrSet', (view, key) => view.getOrSet(key, () => 1)],
  ['getOrSet with options', (view, key) => view.getOrSet(key, () => 1, { ttl: 1 })],
  ['getMany', (view, key) => view.getMany(['good', key])],
  ['set', (view, key) => view.set(key, 1)],
  [
    'setMany',
    (view, key) =>
      view.setMany([
        ['good', 1],
        [key, 1],
      ]),
  ],
  ['delete', (view, key) => view.delete(key)],
  ['deleteMany', (view, key) => view.deleteMany(['good', key])],
  ['has', (view, key) => view.has(key)],
  ['a wrapped function', (view, key) => view.wrap(() => 1, { key: () => key })()],
]

const views: ReadonlyArray<readonly [string, (cache: Cache) => CacheView]> = [
  ['the cache', (cache) => cache],
  ['a namespace', (cache) => cache.namespace('a')],
]

describe.each(views)('a bad key, in %s', (_, viewOf) => {
  test.each(KEYED)('%s rejects with InvalidKeyError that says what was received', async (_, member) => {
    const view = viewOf(makeCache())
    await view.set('good', 'kept')
    for (const [key, received] of BAD_KEYS) {
      const error = await rejection(() => member(view, key))
      expectError(error, InvalidKeyError, 'key', received)
      expect(error).toMatchObject({ name: 'InvalidKeyError', code: 'ERR_CACHE_INVALID_KEY' })
      expect((error as Error).message.length).toBeLessThan(200)
    }
    // Refused before anything was changed.
    expect(await view.get('good')).toBe('kept')
  })

  test('peek throws it', () => {
    const view = viewOf(makeCache())
    for (const [key, received] of BAD_KEYS) {
      expectError(
        thrown(() => view.peek(key as Anything)),
        InvalidKeyError,
        'key',
        received,
      )
    }
  })

  test('namespace throws it for a bad name', () => {
    const view = viewOf(makeCache())
    for (const [name, received] of BAD_KEYS) {
      expectError(
        thrown(() => view.namespace(name as Anything)),
        InvalidKeyError,
        'namespace',
        received,
      )
    }
  })

  test('nothing was counted or loaded for any of them', async () => {
    const cache = makeCache()
    let loads = 0
    for (const [key] of BAD_KEYS) {
      await rejection(() => viewOf(cache).get(key as Anything))
      await rejection(() => viewOf(cache).getMany(['good', key as Anything]))
      await rejection(() => viewOf(cache).getOrSet(key as Anything, () => (loads += 1)))
    }
    expect(loads).toBe(0)
    expect(cache.stats()).toMatchObject({ misses: 0, hits: { memory: 0 }, loads: 0, errors: 0, entries: 0 })
  })
})

const BAD_DURATIONS: ReadonlyArray<readonly [unknown, string]> = [
  [-1, '-1'],
  [Number.NaN, 'NaN'],
  [-Infinity, '-Infinity'],
  ['1000', '"1000"'],
  [null, 'null'],
  [1n, '1n'],
  [{}, 'object'],
  [new Date(), 'object'],
]

const BAD_JITTERS: ReadonlyArray<readonly [unknown, string]> = [
  [-0.1, '-0.1'],
  [1.1, '1.1'],
  [Number.NaN, 'NaN'],
  [Infinity, 'Infinity'],
  ['0.1', '"0.1"'],
  [true, 'true'],
]

const LIFETIME: ReadonlyArray<readonly [string, ReadonlyArray<readonly [unknown, string]>]> = [
  ['ttl', BAD_DURATIONS],
  ['negativeTtl', BAD_DURATIONS],
  ['staleWhileRevalidate', BAD_DURATIONS],
  ['staleIfError', BAD_DURATIONS],
  ['jitter', BAD_JITTERS],
]

describe('a bad lifetime', () => {
  const TAKERS: ReadonlyArray<readonly [string, (lifetime: Anything) => Promise<unknown>]> = [
    ['createCache', async (lifetime) => makeCache(lifetime)],
    ['namespace', async (lifetime) => makeCache().namespace('a', lifetime)],
    ['wrap', async (lifetime) => makeCache().wrap(() => 1, { ...lifetime, key: () => 'a' })],
    ['set', (lifetime) => makeCache().set('a', 1, lifetime)],
    ['setMany', (lifetime) => makeCache().setMany([['a', 1]], lifetime)],
    ['getOrSet', (lifetime) => makeCache().getOrSet('a', () => 1, lifetime)],
  ]

  test.each(TAKERS)('is refused by %s, by name and with what was received', async (_, taker) => {
    for (const [option, bad] of LIFETIME) {
      for (const [value, received] of bad) {
        const error = await rejection(() => taker({ [option]: value }))
        expectError(error, InvalidOptionError, `.${option} `, received)
        expect(error).toMatchObject({ name: 'InvalidOptionError', code: 'ERR_CACHE_INVALID_OPTION' })
      }
    }
  })

  test.each(TAKERS)('a misspelt member is refused by %s, with the names it knows', async (_, taker) => {
    expectError(await rejection(() => taker({ tll: 1_000 })), InvalidOptionError, '"tll"', 'ttl')
    expectError(await rejection(() => taker({ TTL: undefined })), InvalidOptionError, '"TTL"')
  })

  test('is refused although the value is in memory already', async () => {
    const cache = makeCache()
    await cache.set('a', 1)
    expectError(await rejection(() => cache.getOrSet('a', () => 1, { ttl: -1 })), InvalidOptionError, '-1')
  })

  test.each([[null], [5_000], ['5s'], [true], [() => {}]])('and what is no object at all: %s', async (lifetime) => {
    const cache = makeCache()
    for (const call of [
      () => cache.set('a', 1, lifetime as Anything),
      () => cache.setMany([['a', 1]], lifetime as Anything),
      () => cache.getOrSet('a', () => 1, lifetime as Anything),
    ]) {
      expectError(await rejection(call), InvalidOptionError, 'object')
    }
    expectError(
      thrown(() => cache.namespace('a', lifetime as Anything)),
      InvalidOptionError,
      'defaults',
    )
    expect(await cache.has('a')).toBe(false)
  })
})

describe('createCache', () => {
  test.each([[undefined], [null], [5], ['users'], [() => {}]])('refuses %s for options', (options) => {
    expectError(
      thrown(() => createCache(options as Anything)),
      InvalidOptionError,
      'options',
      'object',
    )
  })

  const duration = BAD_DURATIONS
  const count: ReadonlyArray<readonly [unknown, string]> = [
    [0, '0'],
    [-1, '-1'],
    [1.5, '1.5'],
    [Number.NaN, 'NaN'],
    [Infinity, 'Infinity'],
    ['10', '"10"'],
    [null, 'null'],
  ]
  const ioredisLike = { status: 'ready', call() {}, callBuffer() {}, duplicate() {}, on() {}, off() {} }
  const BAD: ReadonlyArray<readonly [string, ReadonlyArray<readonly [unknown, string]>]> = [
    [
      'name',
      [
        [undefined, 'undefined'],
        ['', '""'],
        [5, '5'],
        [null, 'null'],
      ],
    ],
    [
      'keyPrefix',
      [
        [5, '5'],
        [null, 'null'],
        ['a{}b', '"a{}b"'],
      ],
    ],
    [
      'version',
      [
        ['', '""'],
        [Number.NaN, 'NaN'],
        [Infinity, 'Infinity'],
        [null, 'null'],
        [{}, 'object'],
        [1n, '1n'],
      ],
    ],
    [
      'redis',
      [
        [null, 'null'],
        ['redis://localhost', '"redis://localhost"'],
        [{}, 'object'],
        [new Map(), 'object'],
        [createServer(), 'object'],
        [{ get() {}, set() {}, status: 'ready' }, 'object'],
        [{ ...ioredisLike, status: undefined }, 'object'],
        [{ ...ioredisLike, callBuffer: undefined }, 'object'],
      ],
    ],
    [
      'memory',
      [
        [true, 'true'],
        [null, 'null'],
        [1_000, '1000'],
        ['no', '"no"'],
      ],
    ],
    ['maxStaleness', duration],
    ['redisTimeout', duration],
    ['loadTimeout', duration],
    [
      'codec',
      [
        [null, 'null'],
        ['json', '"json"'],
        [{}, 'object'],
        [{ encode() {} }, 'object'],
        [JSON, 'object'],
      ],
    ],
    [
      'compression',
      [
        [true, 'true'],
        [null, 'null'],
        ['gzip', '"gzip"'],
        [{ level: 5 }, '"level"'],
      ],
    ],
    [
      'encryption',
      [
        [false, 'false'],
        [null, 'null'],
        ['key', '"key"'],
        [{ key: 1 }, '"key"'],
      ],
    ],
    ['maxValueBytes', count],
    [
      'values',
      [
        ['frozzen', '"frozzen"'],
        [null, 'null'],
        [true, 'true'],
      ],
    ],
    [
      'attributes',
      [
        [null, 'null'],
        ['a=b', '"a=b"'],
        [[], 'array'],
      ],
    ],
    [
      'histograms',
      [
        ['milliseconds', '"milliseconds"'],
        [false, 'false'],
        [null, 'null'],
      ],
    ],
    [
      'timeMemoryHits',
      [
        ['yes', '"yes"'],
        [1, '1'],
        [null, 'null'],
      ],
    ],
    [
      'meterProvider',
      [
        [null, 'null'],
        [{}, 'object'],
        [{ getTracer() {} }, 'object'],
      ],
    ],
  ]

  test.each(BAD)('refuses a bad %s by name, with what was expected and received', (option, bad) => {
    for (const [value, received] of bad) {
      const error = thrown(() => createCache({ name: freshName(), [option]: value } as Anything))
      expectError(error, InvalidOptionError, `options.${option} must be `, '; received ', received)
    }
  })

  test.each([
    ['maxEntries', count],
    ['maxBytes', count],
  ] as const)('refuses a bad memory.%s', (option, bad) => {
    for (const [value, received] of bad) {
      const error = thrown(() => createCache({ name: freshName(), memory: { [option]: value } } as Anything))
      expectError(error, InvalidOptionError, `options.memory.${option} must be `, received)
    }
    // More than a Map can hold: better refused here than a RangeError on some later set.
    if (option === 'maxEntries') {
      const error = thrown(() => createCache({ name: freshName(), memory: { maxEntries: 2 ** 30 } }))
      expectError(error, InvalidOptionError, 'options.memory.maxEntries', String(2 ** 30))
    }
  })

  test.each([
    ['algorithm', 'lz4', '"lz4"'],
    ['algorithm', null, 'null'],
    ['algorithm', 'toString', '"toString"'],
    ['threshold', -1, '-1'],
    ['threshold', 1.5, '1.5'],
    ['threshold', Infinity, 'Infinity'],
    ['threshold', '1kb', '"1kb"'],
    ['threshold', null, 'null'],
  ])('refuses a bad compression.%s: %j', (option, value, received) => {
    const error = thrown(() => createCache({ name: freshName(), compression: { [option]: value } } as Anything))
    expectError(error, InvalidOptionError, `options.compression.${option} must be `, received)
  })

  const key = new Uint8Array(32)
  test.each([
    ['no keys', undefined, 'a', 'options.encryption.keys', 'undefined'],
    ['keys that are none', null, 'a', 'options.encryption.keys', 'object'],
    ['an empty id', { '': key }, '', 'id of a key', '""'],
    ['an id with a space', { 'a b': key }, 'a b', 'id of a key', '"a b"'],
    ['an id with a newline', { 'a\n': key }, 'a\n', 'id of a key', '"a\\n"'],
    ['an id that is no ASCII', { clé: key }, 'clé', 'id of a key', '"clé"'],
    ['an id that means none', { '-': key }, '-', 'id of a key', '"-"'],
    ['an id of 129 characters', { ['a'.repeat(129)]: key }, 'a', 'id of a key', 'aaa'],
    ['a key that is too short', { a: new Uint8Array(31) }, 'a', 'options.encryption.keys.a must be ', '31'],
    ['a key that is too long', { a: new Uint8Array(33) }, 'a', 'options.encryption.keys.a must be ', '33'],
    ['another key that is too short', { a: key, b: new Uint8Array(16) }, 'a', 'keys.b must be ', '16'],
    ['words for keys', { a: new Uint16Array(32) }, 'a', 'options.encryption.keys.a must be ', 'object'],
    ['no current key', { a: key }, undefined, 'options.encryption.current', 'undefined'],
    ['an unknown current key', { a: key }, 'b', 'options.encryption.current', '"b"'],
    ['a current key of the prototype', { a: key }, 'toString', 'options.encryption.current', '"toString"'],
  ])('refuses an encryption with %s', (_, keys, current, named, received) => {
    const error = thrown(() => createCache({ name: freshName(), encryption: { current, keys } } as Anything))
    expectError(error, InvalidOptionError, named, received)
  })

  test('tells nobody a key that is refused', () => {
    const keys = { a: '0123456789abcdef0123456789abcdef' }
    const error = thrown(() => createCache({ name: freshName(), encryption: { current: 'a', keys } } as Anything))
    expectError(error, InvalidOptionError, 'options.encryption.keys.a', 'received a string')
    expect((error as Error).message).not.toContain('0123')
  })

  test.each([
    ['x'.repeat(600), '512'],
    ['\ud800', 'well-formed'],
  ])('refuses a version that no key can carry by the name of the option: %j', (version, why) => {
    expectError(
      thrown(() => createCache({ name: freshName(), version })),
      InvalidOptionError,
      'options.version',
      why,
    )
  })

  test.each([
    ['name', 'nmae'],
    ['redisTimeout', 'redisTimeOut'],
    ['maxEntries', 'maxEntries'],
    ['memory', 'Memory'],
    ['attributes', '__proto'],
  ])('refuses an unknown option, most often a misspelt one, and names those it knows: %s', (known, unknown) => {
    const error = thrown(() => createCache({ name: freshName(), [unknown]: 1 } as Anything))
    expectError(error, InvalidOptionError, JSON.stringify(unknown), known === 'maxEntries' ? 'memory' : known)
    const inMemory = thrown(() => createCache({ name: freshName(), memory: { maxEntry: 1 } } as Anything))
    expectError(inMemory, InvalidOptionError, 'options.memory', '"maxEntry"', 'maxEntries')
  })

  test.each([
    [''],
    ['a.b'],
    ['1a'],
    ['a b'],
    ['le'],
    ['__name__'],
    ['cache'],
    ['tier'],
    ['reason'],
    ['operation'],
    ['error_type'],
    ['région'],
  ])('refuses a static attribute that would break a scrape: %j', (name) => {
    const error = thrown(() => createCache({ name: freshName(), attributes: { [name]: 'a' } }))
    expectError(error, InvalidOptionError, 'attributes', JSON.stringify(name))
  })

  test.each([[1], [1n], [null], [undefined], [{}], [['a']]])('refuses a static attribute of value %s', (value) => {
    const error = thrown(() => createCache({ name: freshName(), attributes: { region: value } as Anything }))
    expectError(error, InvalidOptionError, 'options.attributes.region', 'string')
  })

  test('takes every option at its extremes', async () => {
    const cache = makeCache({
      keyPrefix: '',
      version: 0,
      ttl: Infinity,
      negativeTtl: 0,
      jitter: 1,
      memory: { maxEntries: 1, maxBytes: 1 },
      maxStaleness: 0,
      redisTimeout: 0,
      loadTimeout: Infinity,
      maxValueBytes: 1,
      attributes: {},
    })
    expect(await cache.getOrSet('a', () => 1)).toBe(1)
  })

  test('does not see later changes of the options it was given', async () => {
    const attributes = { region: 'eu' }
    const options = { name: freshName(), ttl: 1_000, attributes }
    const cache = createCache(options)
    options.ttl = 0
    await cache.set('a', 1)
    expect(await cache.get('a')).toBe(1)
    await cache.close()
  })
})

describe('bad arguments', () => {
  const CALLS: ReadonlyArray<
    readonly [string, (cache: Cache, value: Anything) => Promise<unknown>, string, readonly unknown[]]
  > = [
    [
      'getOrSet without a loader',
      (cache, loader) => cache.getOrSet('a', loader),
      'loader',
      [undefined, null, 'value', {}],
    ],
    [
      'getMany of no array',
      (cache, keys) => cache.getMany(keys),
      'keys',
      [undefined, null, 'abc', 5, {}, new Set(['a'])],
    ],
    ['deleteMany of no iterable', (cache, keys) => cache.deleteMany(keys), 'keys', [undefined, null, 'abc', 5, {}]],
    ['setMany of no iterable', (cache, list) => cache.setMany(list), 'entries', [undefined, null, 'abc', 5, { a: 1 }]],
    [
      'setMany of no pairs',
      (cache, pair) => cache.setMany([pair]),
      'entries',
      [undefined, null, 'ab', 5, { key: 'a' }],
    ],
    [
      'clear with bad options',
      (cache, options) => cache.clear(options),
      'options',
      [null, true, 'purge', { purg: true }],
    ],
    ['clear with a bad purge', (cache, purge) => cache.clear({ purge }), 'options.purge', [1, 'yes', null]],
    [
      'getOrSet with a bad signal',
      (cache, signal) => cache.getOrSet('a', () => 1, { signal }),
      'options.signal',
      [null, {}, new AbortController()],
    ],
    [
      'getOrSet with a bad refresh',
      (cache, refresh) => cache.getOrSet('a', () => 1, { refresh }),
      'options.refresh',
      [1, 'yes', null],
    ],
    [
      'getOrSet with a bad loadTimeout',
      (cache, loadTimeout) => cache.getOrSet('a', () => 1, { loadTimeout }),
      'options.loadTimeout',
      [-1, Number.NaN, '1', null],
    ],
    [
      'ready with a bad timeout',
      (cache, timeout) => cache.ready({ timeout }),
      'options.timeout',
      [-1, Number.NaN, '1', null],
    ],
    ['ready with bad options', (cache, options) => cache.ready(options), 'options', [null, 5, { timeOut: 1 }]],
  ]

  test.each(CALLS)('%s rejects with InvalidOptionError that names it', async (_, call, argument, bad) => {
    const cache = makeCache()
    await cache.set('a', 'kept')
    for (const value of bad) expectError(await rejection(() => call(cache, value)), InvalidOptionError, argument)
    expect(await cache.get('a')).toBe('kept')
  })

  const WRAPS: ReadonlyArray<readonly [string, unknown, unknown, string]> = [
    ['no function', undefined, { key: () => 'a' }, 'fn'],
    ['no options', () => 1, undefined, 'options'],
    ['null options', () => 1, null, 'options'],
    ['no key', () => 1, {}, 'options.key'],
    ['a key that is no function', () => 1, { key: 'a' }, 'options.key'],
    ['a misspelt option', () => 1, { key: () => 'a', tll: 1 }, '"tll"'],
  ]

  test.each(WRAPS)('wrap with %s throws at once', (_, fn, options, argument) => {
    const error = thrown(() => makeCache().wrap(fn as Anything, options as Anything))
    expectError(error, InvalidOptionError, argument)
  })

  test('an error of the function that makes the key is passed on as a rejection', async () => {
    const failure = new Error('no key')
    const wrapped = makeCache().wrap(() => 1, {
      key: () => {
        throw failure
      },
    })
    expect(await rejection(() => wrapped())).toBe(failure)
  })

  test('an iterable that throws half way has changed nothing', async () => {
    const cache = makeCache()
    const failure = new Error('half way')
    const entries = function* (): Generator<[string, unknown]> {
      yield ['a', 1]
      throw failure
    }
    expect(await rejection(() => cache.setMany(entries()))).toBe(failure)
    expect(await cache.has('a')).toBe(false)
  })
})

describe('the family of errors', () => {
  const samples: readonly CacheError[] = [
    new InvalidOptionError('options.ttl', 'a number', 'x'),
    new InvalidKeyError('key', 'a string', 5),
    new InvalidValueError('no'),
    new LoadTimeoutError(['key'], 5),
    new CacheClosedError('users'),
    new CacheError('ERR_CACHE_X', 'x'),
  ]

  test('each has its own name and code, and all are CacheErrors', () => {
    for (const error of samples) {
      expectError(error, CacheError)
      expect(error.name).toBe(error.constructor.name)
      expect(error.code).toMatch(/^ERR_CACHE_[A-Z_]+$/)
      expect(String(error)).toContain(error.name)
    }
    expect(new Set(samples.map(({ code }) => code)).size).toBe(samples.length)
  })

  test.each([[new Error('x')], [null], [undefined], ['ERR_CACHE_X'], [{ code: 'ERR_CACHE_X' }], [5]])(
    'isCacheError is false for %s',
    (error) => {
      expect(isCacheError(error)).toBe(false)
    },
  )

  test('isCacheError knows an error that another copy of the package made', () => {
    const foreign = Object.assign(new Error('x'), { code: 'ERR_CACHE_X' })
    Object.defineProperty(foreign, Symbol.for('otel-cache.error'), { value: true })
    expect(isCacheError(foreign)).toBe(true)
  })
})
