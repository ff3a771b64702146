/// <reference lib="esnext.disposable" preserve="true" />
import type { MeterProvider, TracerProvider } from '@opentelemetry/api'

/** Milliseconds. `Infinity` where it makes sense (a lifetime); never NaN, never negative. */
export type Milliseconds = number

/** What an entry's lifetime is made of: on the cache as defaults, on a call, and by the loader itself. */
export interface Lifetime {
  /** How long a value is fresh. 0: not stored. Default 3,600,000 (one hour). */
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
  readonly value: V
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
  /** The caller's own: rejects this caller alone, with the signal's reason. */
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
  readonly value: V
  readonly tier: 'memory' | 'redis'
  readonly fresh: boolean
  /** Since the value was stored. */
  readonly age: Milliseconds
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
  /** Removes every entry of this view that carries the tag, in constant time. */
  deleteByTag(tag: string): Promise<boolean>
  /** Makes the entry stale: the stale rules apply, the next load refreshes it. */
  expire(key: string): Promise<boolean>
  /** Everything in this view, in constant time. `purge` also removes the bytes, on every master, and waits for it. */
  clear(options?: { purge?: boolean }): Promise<boolean>
  /** Whether `get` would find a fresh value. Counts nothing. */
  has(key: string): Promise<boolean>
  /** Memory only, synchronous; counts nothing. Throws for a bad key. */
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
  readonly name: string
  /**
   * Resolves once Redis answers and its invalidation channel stands, or is known not to be had; rejects at the timeout.
   * Never needed for correctness.
   *
   * @param options.timeout default 10,000
   */
  ready(options?: { timeout?: Milliseconds }): Promise<void>
  /** What this process has counted so far. */
  stats(): CacheStats
  /**
   * Flushes counters, detaches every listener, leaves no timer. Reports how many unconfirmed deletes were lost. The
   * application's client stays open. Later calls reject with `CacheClosedError`; closing twice is harmless.
   */
  close(): Promise<{ unconfirmed: number }>
  [Symbol.asyncDispose](): Promise<void>
}

/** Counts since the cache was made, and what memory holds now. */
export interface CacheStats {
  hits: { memory: number; redis: number }
  misses: number
  errors: number
  loads: number
  coalesced: number
  stale: number
  evictions: number
  entries: number
  /** The encoded size of what memory holds, keys included. */
  bytes: number
  circuit: 'closed' | 'half-open' | 'open'
  /** Since the memory tier was last proven right; undefined without Redis. */
  proofAge: Milliseconds | undefined
  /** Deletes waiting to be replayed. */
  unconfirmed: number
}

/** The part of an ioredis (5 or 6) `Redis` or `Cluster` that the cache uses, by structure: no import of ioredis here. */
export interface RedisLike {
  readonly status: string
  // biome-ignore-start lint/suspicious/noExplicitAny: any narrower type refuses one of ioredis 5, ioredis 6 or Cluster
  call(...args: any[]): Promise<unknown>
  callBuffer(...args: any[]): Promise<unknown>
  nodes?(...args: any[]): any[]
  duplicate(...args: any[]): any
  on(event: string, listener: (...args: any[]) => void): unknown
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

/** Standard Schema, version 1: https://standardschema.dev */
export interface StandardSchema {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => unknown
  }
}

/** What `createCache` takes. Only `name` is required. */
export interface CacheOptions extends Lifetime {
  /** The `cache` attribute of every metric. */
  name: string
  /** What its Redis keys begin with. Default `name` and a colon. */
  keyPrefix?: string
  /** Part of every stored key: two releases with different shapes do not see each other's values. */
  version?: string | number
  /** The application's ioredis client. It stays the application's: it is never closed. Default none: memory only. */
  redis?: RedisLike
  /** On by default, bounded: 10,000 entries, 64 MiB (67,108,864 bytes, encoded). */
  memory?: false | { maxEntries?: number; maxBytes?: number }
  /** How long a memory entry in front of Redis may be believed without proof. Default 2,000. */
  maxStaleness?: Milliseconds
  /** The sum of a call's waits for Redis. Default 100. */
  redisTimeout?: Milliseconds
  /** Hard deadline of a load. Default 30,000. */
  loadTimeout?: Milliseconds
  /** Serve stale after this; the load finishes behind and is stored. Default none. */
  softLoadTimeout?: Milliseconds
  /**
   * The cap on loads running at once in this cache. A load counts until it ends, or until its `loadTimeout`: a loader that
   * ignores its signal may run on beside the cap. Default none.
   */
  maxConcurrentLoads?: number
  /** XFetch, for `getOrSet` and `getOrSetMany`. Off by default: it runs a caller's loader after that caller has gone. */
  earlyRefresh?: boolean | { beta?: number }
  /**
   * What values become, in Redis and for callers. Default JSON. `@otel-cache/core/codecs/structured` and
   * `@otel-cache/core/codecs/bytes` have others.
   */
  codec?: Codec
  /**
   * Compresses what is stored in Redis, where that makes it smaller. A cache reads what any algorithm has compressed, so
   * that it can be changed; a cache without this option reads none of it. Default false.
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
   * @example createCache({ name: 'users', redis, encryption: { current: '2026', keys: { 2025: older, 2026: newer } } })
   */
  encryption?: {
    /** The id of the key that encrypts. */
    current: string
    /** Keys of 32 random bytes by their ids, all of which decrypt. An id is ASCII without spaces, and is stored. */
    keys: Readonly<Record<string, Uint8Array>>
  }
  /** Standard Schema, checked on what comes from Redis: a failure is a miss. */
  schema?: StandardSchema
  /** The largest value that is stored, in bytes as stored. Default 1 MiB (1,048,576). */
  maxValueBytes?: number
  /** Default 'frozen': values are shared and deeply frozen. 'copy': each caller gets its own. */
  values?: 'frozen' | 'copy'
  /** Static attributes on every metric. Keys must be legal Prometheus labels. */
  attributes?: Readonly<Record<string, string>>
  /** Which of the two histograms of the same measurement to keep. Default 'both'. */
  histograms?: 'both' | 'seconds' | 'ms'
  /** Whether memory hits feed them: reading the clock costs more than the lookup. Default false. */
  timeMemoryHits?: boolean
  /** Default: the global one, also when it is registered later. */
  meterProvider?: MeterProvider
  /** Default: the global one. */
  tracerProvider?: TracerProvider
  /** What spans tell of a key, in `cache.key`; `undefined` tells nothing of it. Default: keys appear in no span. */
  spanKey?: (key: string) => string | undefined
  /** Receives the promise of every load that goes on behind a caller, for platforms that freeze a process after its answer. */
  waitUntil?: (background: Promise<unknown>) => void
}
