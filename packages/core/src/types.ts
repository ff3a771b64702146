/// <reference lib="esnext.disposable" preserve="true" />
import type { MeterProvider, TracerProvider } from '@opentelemetry/api'

/** Milliseconds. `Infinity` where it makes sense (a lifetime); never NaN, never negative. */
export type Milliseconds = number

/** What an entry's lifetime is made of: on the cache as defaults, on a call, and by the loader itself. */
export interface Lifetime {
  /** How long a value is fresh, less a random share up to `jitter`. 0: not stored. Default 3,600,000 (one hour). */
  ttl?: Milliseconds
  /** Lifetime of `null`. Default `ttl`. */
  negativeTtl?: Milliseconds
  /** How long past `ttl` a stale value may be served while one load runs (RFC 5861, section 3). Default 0. */
  staleWhileRevalidate?: Milliseconds
  /** How long past `ttl` a stale value may be served when the load fails or times out (RFC 5861, section 4). Default 0. */
  staleIfError?: Milliseconds
  /** Lifetimes are shortened by a random share up to this, never lengthened. 0 to 1, default 0.1. */
  jitter?: number
  /** Names under which `deleteByTag` finds the entry. Default none. */
  tags?: readonly string[]
}

/** What a loader is told about its load. */
export interface LoadContext<V> {
  /** The key as the caller gave it, without prefix or namespace. */
  readonly key: string
  /** Aborts at `loadTimeout`, or when every caller has given up. */
  readonly signal: AbortSignal
  /** The expired value that is being refreshed, if there is one. */
  readonly stale: V | undefined
}

/** A value with the lifetime that the loader chose for it. Made by `entry` and `notModified`. */
export interface LoadResult<V> {
  /** What the callers get, and what is stored. */
  readonly value: V
  /** What it leaves out is as in the call. */
  readonly lifetime: Lifetime
}

/** Gets the value where the cache has none. `undefined` is returned to the caller and not stored; `null` is a value. */
export type Loader<V> = (context: LoadContext<V>) => V | LoadResult<V> | Promise<V | LoadResult<V>>

/**
 * Gets just the keys that miss, in order; returns a value for each, in that order, or a Map by key.
 * A missing or `undefined` one is not stored.
 */
export type BatchLoader<V> = (
  keys: readonly string[],
  context: { readonly signal: AbortSignal },
) =>
  | ReadonlyArray<V | undefined>
  | ReadonlyMap<string, V>
  | Promise<ReadonlyArray<V | undefined> | ReadonlyMap<string, V>>

/** How one read-through call differs from the cache's defaults. */
export interface ReadOptions extends Lifetime {
  /** The caller's own: rejects this caller alone, with the signal's reason. Default none. */
  signal?: AbortSignal
  /** Skip what is cached and load, or wait for a load that is running already. Default false. */
  refresh?: boolean
  /** Hard deadline of the load. Default 30,000. */
  loadTimeout?: Milliseconds
  /** Serve stale after this; the load finishes behind and is stored. Default none. */
  softLoadTimeout?: Milliseconds
}

/** What `inspect` tells of a stored entry. */
export interface Entry<V> {
  /** As `get` would return it. */
  readonly value: V
  /** Where it was found first. */
  readonly tier: 'memory' | 'redis'
  /** Whether `get` would return it. False: it may be served under the stale rules alone. */
  readonly fresh: boolean
  /** Since the value was stored. */
  readonly age: Milliseconds
  /** The tags it was stored with. */
  readonly tags: readonly string[]
}

/** The cache, or a part of it under a namespace. Every member rejects with a `CacheError` for bad input. */
export interface CacheView {
  /**
   * The value stored under the key, wherever it is.
   *
   * @returns `undefined` for a miss. `null`, 0, '' and false are values.
   */
  get<V = unknown>(key: string): Promise<V | undefined>
  /**
   * The stored value, or what the loader returns, stored for the next caller. One load a key and process runs at a time;
   * its callers share the value or the failure.
   *
   * @throws the loader's own error, unwrapped
   * @example const user = await cache.getOrSet('user:42', () => db.findUser(42), { ttl: 60_000 })
   */
  getOrSet<V>(
    key: string,
    // biome-ignore lint/suspicious/noExplicitAny: LoadContext<V> would fix V before the loader's result is looked at
    loader: (context: LoadContext<any>) => V | LoadResult<V> | Promise<V | LoadResult<V>>,
    options?: ReadOptions,
  ): Promise<V>
  /** `get` for many keys, in their order. */
  getMany<V = unknown>(keys: readonly string[]): Promise<Array<V | undefined>>
  /**
   * `getOrSet` for many keys, in their order. Rejects with the batch loader's own error, unless every missing key can be
   * served stale.
   */
  getOrSetMany<V>(keys: readonly string[], load: BatchLoader<V>, options?: ReadOptions): Promise<Array<V | undefined>>
  /**
   * Stores a value.
   *
   * @returns true once Redis has confirmed it. False: not confirmed (it may still have happened), or larger than
   * `maxValueBytes`; the old value's delete is then confirmed or queued.
   */
  set(key: string, value: unknown, lifetime?: Lifetime): Promise<boolean>
  /** `set` for many entries. One result: true when all were confirmed. */
  setMany(entries: Iterable<readonly [key: string, value: unknown]>, lifetime?: Lifetime): Promise<boolean>
  /**
   * Removes a value.
   *
   * @returns true once Redis has confirmed it, also for an absent key. False: queued, and replayed when Redis is back.
   */
  delete(key: string): Promise<boolean>
  /** `delete` for many keys. One result: true when all were confirmed. */
  deleteMany(keys: Iterable<string>): Promise<boolean>
  /**
   * Removes every entry of this view that carries the tag, in constant time.
   *
   * @returns true once Redis has confirmed it. False: queued, and replayed when Redis is back.
   */
  deleteByTag(tag: string): Promise<boolean>
  /**
   * Makes the entry stale: the stale rules apply, the next load refreshes it.
   *
   * @returns true once Redis has confirmed it, also for an absent key
   */
  expire(key: string): Promise<boolean>
  /**
   * Removes everything in this view, in constant time.
   *
   * @param options.purge also removes the bytes, on every master, and waits for it. Default false: Redis drops them when
   * their lifetimes end.
   * @returns true once Redis has confirmed it. False: queued, and replayed when Redis is back.
   */
  clear(options?: { purge?: boolean }): Promise<boolean>
  /** Whether `get` would find a fresh value. Counts nothing. */
  has(key: string): Promise<boolean>
  /**
   * What `get` would find in memory, synchronously. Counts nothing.
   *
   * @throws InvalidKeyError for a bad key
   */
  peek<V = unknown>(key: string): V | undefined
  /** What is stored, and how old; counts nothing. */
  inspect<V = unknown>(key: string): Promise<Entry<V> | undefined>
  /** The function, cached under the key that `options.key` makes of its arguments. `this` is passed on, and not part of the key. */
  wrap<A extends readonly unknown[], V>(
    fn: (...args: A) => V | LoadResult<V> | Promise<V | LoadResult<V>>,
    options: ReadOptions & { key: (...args: [...A]) => string },
  ): (...args: A) => Promise<V>
  /**
   * A view with a longer prefix and defaults of its own. Segments are escaped; a parent's `clear` includes it; the
   * `cache` attribute is the parent's. Holds no state, so it may be made inline.
   */
  namespace(name: string, defaults?: Lifetime): CacheView
}

/** The cache itself: the widest view, with its lifecycle. */
export interface Cache extends CacheView {
  /** The `cache` attribute of every metric: `name` of the options. */
  readonly name: string
  /**
   * Resolves once Redis answers and its invalidation channel stands, or is known not to be had. Never needed for
   * correctness.
   *
   * @param options.timeout default 10,000
   * @throws NotReadyError at the timeout
   */
  ready(options?: { timeout?: Milliseconds }): Promise<void>
  /** What this process has counted so far. */
  stats(): CacheStats
  /**
   * Flushes counters, detaches every listener, leaves no timer. Reports how many unconfirmed deletes were lost. The
   * application's client stays open. Later calls reject with `CacheClosedError`; closing twice is harmless.
   */
  close(): Promise<{
    /** Deletes that Redis has not confirmed, and that nobody replays any more. */
    unconfirmed: number
  }>
  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Counts since the cache was made, and what memory holds now. */
export interface CacheStats {
  /** Lookups answered from the cache, fresh or stale, by tier. */
  hits: {
    /** Those that memory answered. */
    memory: number
    /** Those that Redis answered. */
    redis: number
  }
  /** Lookups not answered from the cache. */
  misses: number
  /** Operations that Redis did not do. A failing loader is none. */
  errors: number
  /** Runs of a loader. */
  loads: number
  /** Callers that waited for another's load, in this process or another. */
  coalesced: number
  /** Hits that were stale. */
  stale: number
  /** Entries that left memory, for whatever reason. */
  evictions: number
  /** Entries that memory holds. */
  entries: number
  /** The encoded size of what memory holds, keys included. */
  bytes: number
  /** The circuit breaker before Redis. Open: Redis is not asked. Half-open: a PING is out. */
  circuit: 'closed' | 'half-open' | 'open'
  /** Since the memory tier was last proven right; undefined without Redis. */
  proofAge: Milliseconds | undefined
  /** Deletes waiting to be replayed. */
  unconfirmed: number
}

/** The part of an ioredis (5 or 6) `Redis` or `Cluster` that the cache uses, by structure: no import of ioredis here. */
export interface RedisLike {
  /** Redis is asked while it is `ready`, and during the first attempt to connect. */
  readonly status: string
  // biome-ignore-start lint/suspicious/noExplicitAny: any narrower type refuses one of ioredis 5, ioredis 6 or Cluster
  /** Sends any command; text comes back. */
  call(...args: any[]): Promise<unknown>
  /** Sends any command; bytes come back. */
  callBuffer(...args: any[]): Promise<unknown>
  /** Of a `Cluster`: the clients of its nodes. */
  nodes?(...args: any[]): any[]
  /** Makes the client of the invalidation channel, which is the cache's to close. */
  duplicate(...args: any[]): any
  /** Adds a listener; `close()` of the cache takes it off again. */
  on(event: string, listener: (...args: any[]) => void): unknown
  /** Takes a listener off. */
  off(event: string, listener: (...args: any[]) => void): unknown
  // biome-ignore-end lint/suspicious/noExplicitAny: the end of the structural client
}

/** Turns values into what is stored and back. The default is JSON. */
export interface Codec {
  /** Throws for what it cannot encode. */
  encode(value: unknown): string | Uint8Array
  /** Gets a string where `encode` returned one. Throws for what it cannot decode. */
  decode(stored: string | Uint8Array): unknown
}

/** What Zod, Valibot, ArkType and others make: Standard Schema, version 1, https://standardschema.dev */
export interface StandardSchema {
  /** The one member by which libraries know each other. */
  readonly '~standard': {
    /** Of Standard Schema. */
    readonly version: 1
    /** The library that made it. */
    readonly vendor: string
    /** Gives `{ value }` or `{ issues }`, or a promise of either. */
    readonly validate: (value: unknown) => unknown
  }
}

/** What `createCache` takes. Only `name` is required. */
export interface CacheOptions extends Lifetime {
  /** The `cache` attribute of every metric. Required. */
  name: string
  /** What its Redis keys begin with. Default `name` and a colon. */
  keyPrefix?: string
  /** Part of every stored key: two releases with different shapes do not see each other's values. Default none. */
  version?: string | number
  /** The application's ioredis client. It stays the application's: it is never closed. Default none: memory only. */
  redis?: RedisLike
  /**
   * The memory tier, on by default and bounded by two options: `maxEntries` (default 10,000) and `maxBytes` (default 64 MiB,
   * 67,108,864 bytes as encoded, keys included). `false`: Redis alone.
   */
  memory?:
    | false
    | {
        /** Default 10,000. */
        maxEntries?: number
        /** Of values as the codec encodes them, and their keys. Default 67,108,864. */
        maxBytes?: number
      }
  /** How long an entry in memory in front of Redis may be believed without proof that it is right. Default 2,000. */
  maxStaleness?: Milliseconds
  /** The longest that one call waits for Redis, all its waits together. Default 100. */
  redisTimeout?: Milliseconds
  /** Hard deadline of a load: `LoadTimeoutError`, unless something stale can be served. Default 30,000. */
  loadTimeout?: Milliseconds
  /** Serve stale after this, where that is allowed; the load finishes behind and is stored. Default none. */
  softLoadTimeout?: Milliseconds
  /**
   * The cap on loads running at once in this cache. A load counts until it ends, or until its `loadTimeout`: a loader that
   * ignores its signal may run on beside the cap. Default none.
   */
  maxConcurrentLoads?: number
  /**
   * Refreshes an entry behind a caller's back before its `ttl` ends, with a chance that grows towards the end and with the
   * duration of its load; for `getOrSet` and `getOrSetMany`. `beta` (default 1) above 1 begins earlier. Off by default: it
   * runs a caller's loader after that caller has gone. XFetch: Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic
   * Cache Stampede Prevention", 2015.
   */
  earlyRefresh?:
    | boolean
    | {
        /** A positive number. Default 1. */
        beta?: number
      }
  /**
   * What values become, in Redis and for callers. Default JSON. `@otel-cache/core/codecs/structured` and
   * `@otel-cache/core/codecs/bytes` have others.
   */
  codec?: Codec
  /**
   * Compresses what is stored in Redis, where that makes it smaller. A cache reads what any algorithm has compressed, so
   * that it can be changed; a cache without this option reads none of it. Default false; `{}` is brotli for values of
   * 2,048 bytes and more, changed by `algorithm` and `threshold`.
   *
   * @example createCache({ name: 'pages', redis, compression: { algorithm: 'gzip', threshold: 10_000 } })
   */
  compression?:
    | false
    | {
        /** `zstd` needs Node.js 22.15 or newer. Default 'brotli'. */
        algorithm?: 'gzip' | 'brotli' | 'zstd'
        /** The smallest value that is compressed, in bytes as encoded. Default 2,048. */
        threshold?: number
      }
  /**
   * Encrypts what is stored in Redis by AES-256-GCM, bound to its name there. Keys in Redis, tags and lifetimes are not
   * encrypted, nor is what memory holds. What is not encrypted, or by none of these keys, is a miss. Default none.
   *
   * @example
   * const keys = { 2026: Buffer.from(process.env.CACHE_KEY_2026 ?? '', 'base64') }
   * const cache = createCache({ name: 'users', redis, encryption: { current: '2026', keys } })
   */
  encryption?: {
    /** The id of the key that encrypts. */
    current: string
    /** Keys of 32 random bytes by their ids, all of which decrypt. An id is ASCII without spaces, and is stored. */
    keys: Readonly<Record<string, Uint8Array>>
  }
  /** Checked on what comes from Redis: a failure is a miss, counted as undecodable. Default none. */
  schema?: StandardSchema
  /** The largest value that is stored, in bytes as stored. Default 1 MiB (1,048,576). */
  maxValueBytes?: number
  /** `'frozen'`: callers share one deeply frozen value. `'copy'`: each gets its own. Default 'frozen'. */
  values?: 'frozen' | 'copy'
  /** Static attributes on every metric. Their names must be legal Prometheus labels. Default none. */
  attributes?: Readonly<Record<string, string>>
  /** Which of the two histograms of the same measurement to keep. Default 'both'. */
  histograms?: 'both' | 'seconds' | 'ms'
  /** Whether memory hits feed the histograms: reading the clock costs more than the lookup. Default false. */
  timeMemoryHits?: boolean
  /** Where metrics go. Default: the global one, also when it is registered later. */
  meterProvider?: MeterProvider
  /** Where spans go. Default: the global one, also when it is registered later. */
  tracerProvider?: TracerProvider
  /** What spans tell of a key, in `cache.key`; `undefined` tells nothing of it. Default: keys appear in no span. */
  spanKey?: (key: string) => string | undefined
  /**
   * Receives the promise of every load that goes on behind a caller, for platforms that freeze a process after its answer.
   * Default none.
   */
  waitUntil?: (background: Promise<unknown>) => void
}
