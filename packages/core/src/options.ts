import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import { Hidden, InvalidOptionError } from './errors.js'
import { isKey } from './keys.js'
import {
  checkDuration,
  checkOptionNames,
  DEFAULT_LIFETIME,
  type ResolvedLifetime,
  resolveLifetime,
} from './lifetime.js'
import type { MemoryLimits } from './memory/memory.js'
import { ALGORITHMS } from './packing/compress.js'
import type { PackingOptions } from './packing/packing.js'
import { ATTRIBUTE } from './telemetry/names.js'
import type { CacheOptions, Codec, Milliseconds, ReadOptions, RedisLike, StandardSchema } from './types.js'

/** The options of `createCache` with every default filled in. */
export interface ResolvedOptions extends PackingOptions {
  readonly name: string
  readonly keyPrefix: string
  readonly version: string | number | undefined
  readonly redis: RedisLike | undefined
  readonly memory: MemoryLimits | undefined
  readonly maxStaleness: Milliseconds
  readonly redisTimeout: Milliseconds
  readonly read: ResolvedReadOptions
  readonly maxConcurrentLoads: number | undefined
  readonly earlyRefresh: { readonly beta: number } | undefined
  readonly waitUntil: ((background: Promise<unknown>) => void) | undefined
  readonly codec: Codec | undefined
  readonly schema: StandardSchema | undefined
  readonly values: 'frozen' | 'copy'
  readonly attributes: Readonly<Record<string, string>>
  readonly histograms: 'both' | 'seconds' | 'ms'
  readonly timeMemoryHits: boolean
  readonly meterProvider: MeterProvider | undefined
  readonly tracerProvider: TracerProvider | undefined
  readonly spanKey: ((key: string) => string | undefined) | undefined
}

/** The options of a read-through call with every default filled in. */
export interface ResolvedReadOptions {
  readonly lifetime: ResolvedLifetime
  readonly signal: AbortSignal | undefined
  readonly refresh: boolean
  /** A refresh of what is still fresh, behind a caller's back: not where another process is at it. */
  readonly early?: boolean
  readonly loadTimeout: Milliseconds
  readonly softLoadTimeout: Milliseconds | undefined
}

const DEFAULTS = {
  maxStaleness: 2_000,
  redisTimeout: 100,
  loadTimeout: 30_000,
  maxEntries: 10_000,
  maxBytes: 67_108_864,
  maxValueBytes: 1_048_576,
  algorithm: 'brotli',
  threshold: 2_048,
  beta: 1,
}

const OPTIONS: ReadonlySet<string> = new Set<keyof CacheOptions>([
  'name',
  'keyPrefix',
  'version',
  'redis',
  'memory',
  'maxStaleness',
  'redisTimeout',
  'loadTimeout',
  'softLoadTimeout',
  'maxConcurrentLoads',
  'earlyRefresh',
  'codec',
  'compression',
  'encryption',
  'schema',
  'maxValueBytes',
  'values',
  'attributes',
  'histograms',
  'timeMemoryHits',
  'meterProvider',
  'tracerProvider',
  'spanKey',
  'waitUntil',
])

const READ_OPTIONS: ReadonlySet<string> = new Set<keyof ReadOptions>([
  'signal',
  'refresh',
  'loadTimeout',
  'softLoadTimeout',
])

/** The largest Map that V8 makes. */
const MOST_ENTRIES = 2 ** 24

export function resolveOptions(options: CacheOptions): ResolvedOptions {
  const lifetime = resolveLifetime(options ?? null, DEFAULT_LIFETIME, 'options', OPTIONS)
  const { keyPrefix, version, redis, codec, meterProvider, tracerProvider, spanKey, schema, waitUntil } = options
  const name = nonEmptyString(options.name, 'options.name')
  return {
    name,
    keyPrefix:
      keyPrefix === undefined
        ? checkKeyPrefix(`${name}:`, 'options.name')
        : checkKeyPrefix(keyPrefix, 'options.keyPrefix'),
    version: version === undefined ? undefined : checkVersion(version),
    redis: redis === undefined ? undefined : checkRedis(redis),
    memory: resolveMemory(options.memory),
    maxStaleness: checkDuration(options.maxStaleness, 'options.maxStaleness') ?? DEFAULTS.maxStaleness,
    redisTimeout: checkFinite(options.redisTimeout, 'options.redisTimeout') ?? DEFAULTS.redisTimeout,
    read: {
      lifetime,
      signal: undefined,
      refresh: false,
      loadTimeout: checkDuration(options.loadTimeout, 'options.loadTimeout') ?? DEFAULTS.loadTimeout,
      softLoadTimeout: checkDuration(options.softLoadTimeout, 'options.softLoadTimeout'),
    },
    maxConcurrentLoads: checkCount(options.maxConcurrentLoads, 'options.maxConcurrentLoads'),
    earlyRefresh: resolveEarlyRefresh(options.earlyRefresh),
    waitUntil: waitUntil === undefined ? undefined : checkFunction(waitUntil, 'options.waitUntil'),
    schema: schema === undefined ? undefined : checkSchema(schema),
    codec: codec === undefined ? undefined : checkMethods(codec, ['encode', 'decode'], 'options.codec', 'a codec'),
    compression: resolveCompression(options.compression),
    encryption: resolveEncryption(options.encryption),
    maxValueBytes: checkCount(options.maxValueBytes, 'options.maxValueBytes') ?? DEFAULTS.maxValueBytes,
    values: oneOf(options.values, ['frozen', 'copy'], 'options.values') ?? 'frozen',
    attributes: checkAttributes(options.attributes),
    histograms: oneOf(options.histograms, ['both', 'seconds', 'ms'], 'options.histograms') ?? 'both',
    timeMemoryHits: oneOf(options.timeMemoryHits, [true, false], 'options.timeMemoryHits') ?? false,
    meterProvider:
      meterProvider === undefined
        ? undefined
        : checkMethods(meterProvider, ['getMeter'], 'options.meterProvider', 'a MeterProvider'),
    tracerProvider:
      tracerProvider === undefined
        ? undefined
        : checkMethods(tracerProvider, ['getTracer'], 'options.tracerProvider', 'a TracerProvider'),
    spanKey: spanKey === undefined ? undefined : checkFunction(spanKey, 'options.spanKey'),
  }
}

/** The options of one call over those of the cache, with the lifetime of the view. */
export function resolveReadOptions(
  options: ReadOptions | undefined,
  defaults: ResolvedReadOptions,
  lifetime: ResolvedLifetime,
  others?: ReadonlySet<string>,
): ResolvedReadOptions {
  if (options === undefined) return lifetime === defaults.lifetime ? defaults : { ...defaults, lifetime }
  const known = others === undefined ? READ_OPTIONS : new Set([...READ_OPTIONS, ...others])
  const resolved = resolveLifetime(options, lifetime, 'options', known)
  const { signal } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidOptionError('options.signal', 'an AbortSignal', signal)
  }
  return {
    lifetime: resolved,
    signal,
    refresh: oneOf(options.refresh, [true, false], 'options.refresh') ?? false,
    loadTimeout: checkDuration(options.loadTimeout, 'options.loadTimeout') ?? defaults.loadTimeout,
    softLoadTimeout: checkDuration(options.softLoadTimeout, 'options.softLoadTimeout') ?? defaults.softLoadTimeout,
  }
}

function resolveCompression(compression: CacheOptions['compression']): PackingOptions['compression'] {
  if (compression === undefined || compression === false) return undefined
  checkOptionNames(compression, 'options.compression', new Set(['algorithm', 'threshold']))
  const { threshold = DEFAULTS.threshold } = compression
  if (!Number.isSafeInteger(threshold) || threshold < 0) {
    throw new InvalidOptionError('options.compression.threshold', 'a number of bytes', threshold)
  }
  const name =
    oneOf(compression.algorithm, ['gzip', 'brotli', 'zstd'], 'options.compression.algorithm') ?? DEFAULTS.algorithm
  const algorithm = ALGORITHMS.get(name)
  if (algorithm !== undefined) return { algorithm, threshold }
  const expected = `one of ${[...ALGORITHMS.keys()].join(', ')} on Node.js ${process.version} (zstd came with 22.15)`
  throw new InvalidOptionError('options.compression.algorithm', expected, name)
}

/** In the stored form's head, where `-` alone stands for none. */
const KEY_ID = /^(?!-$)[!-~]{1,128}$/
const KEY_LENGTH = 32

function resolveEncryption(encryption: CacheOptions['encryption']): PackingOptions['encryption'] {
  if (encryption === undefined) return undefined
  checkOptionNames(encryption, 'options.encryption', new Set(['current', 'keys']))
  const { current, keys } = encryption
  if (typeof keys !== 'object' || keys === null) {
    throw new InvalidOptionError('options.encryption.keys', 'an object of keys by their ids', new Hidden(keys))
  }
  for (const [id, key] of Object.entries(keys)) {
    if (!KEY_ID.test(id)) {
      throw new InvalidOptionError(
        'the id of a key in options.encryption.keys',
        '1 to 128 characters of ASCII without spaces, and not - alone',
        id,
      )
    }
    // Never the key itself: messages end up in logs.
    if (!(key instanceof Uint8Array) || key.length !== KEY_LENGTH) {
      throw new InvalidOptionError(`options.encryption.keys.${id}`, 'a Uint8Array of 32 bytes', new Hidden(key))
    }
  }
  if (typeof current === 'string' && Object.hasOwn(keys, current)) return { current, keys }
  throw new InvalidOptionError('options.encryption.current', 'the id of one of options.encryption.keys', current)
}

function resolveEarlyRefresh(earlyRefresh: CacheOptions['earlyRefresh']): { readonly beta: number } | undefined {
  if (earlyRefresh === undefined || earlyRefresh === false) return undefined
  if (earlyRefresh === true) return { beta: DEFAULTS.beta }
  checkOptionNames(earlyRefresh, 'options.earlyRefresh', new Set(['beta']))
  const { beta = DEFAULTS.beta } = earlyRefresh
  if (typeof beta === 'number' && beta > 0 && Number.isFinite(beta)) return { beta }
  throw new InvalidOptionError('options.earlyRefresh.beta', 'a positive number', beta)
}

function checkFunction<T>(value: T, option: string): T {
  if (typeof value === 'function') return value
  throw new InvalidOptionError(option, 'a function', value)
}

function checkSchema(schema: StandardSchema): StandardSchema {
  const standard: unknown = (schema as Partial<StandardSchema> | null)?.['~standard']
  if (typeof (standard as StandardSchema['~standard'] | undefined)?.validate === 'function') return schema
  throw new InvalidOptionError('options.schema', 'a Standard Schema (with ~standard.validate)', schema)
}

function resolveMemory(memory: CacheOptions['memory']): MemoryLimits | undefined {
  if (memory === false) return undefined
  if (memory === undefined) return { maxEntries: DEFAULTS.maxEntries, maxBytes: DEFAULTS.maxBytes }
  checkOptionNames(memory, 'options.memory', new Set(['maxEntries', 'maxBytes']))
  const maxEntries = checkCount(memory.maxEntries, 'options.memory.maxEntries') ?? DEFAULTS.maxEntries
  if (maxEntries > MOST_ENTRIES) {
    throw new InvalidOptionError('options.memory.maxEntries', `at most ${MOST_ENTRIES}`, maxEntries)
  }
  return { maxEntries, maxBytes: checkCount(memory.maxBytes, 'options.memory.maxBytes') ?? DEFAULTS.maxBytes }
}

function nonEmptyString(value: unknown, option: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new InvalidOptionError(option, 'a non-empty string', value)
}

/** An empty pair of braces would be no hash tag, and what belongs together would live in different slots. */
function checkKeyPrefix(value: unknown, option: string): string {
  if (typeof value === 'string' && !value.includes('{}')) return value
  throw new InvalidOptionError(option, 'a string without {}', value)
}

/** A promise that something ends is no promise without an end. */
function checkFinite(value: unknown, option: string): Milliseconds | undefined {
  if (value !== Number.POSITIVE_INFINITY) return checkDuration(value, option)
  throw new InvalidOptionError(option, 'a finite number of milliseconds', value)
}

function checkVersion(version: unknown): string | number {
  const expected = 'a finite number, or a string as keys are: non-empty, well-formed, at most 512 bytes'
  if (typeof version === 'number' && Number.isFinite(version)) return version
  if (typeof version === 'string' && isKey(version)) return version
  throw new InvalidOptionError('options.version', expected, version)
}

function checkRedis(redis: unknown): RedisLike {
  const client = checkMethods(
    redis as RedisLike,
    ['call', 'callBuffer', 'duplicate', 'on', 'off'],
    'options.redis',
    'an ioredis client (Redis or Cluster, version 5 or 6)',
  )
  if (typeof client.status === 'string') return client
  throw new InvalidOptionError('options.redis', 'an ioredis client (Redis or Cluster, version 5 or 6)', redis)
}

function checkMethods<T extends object>(value: T, methods: ReadonlyArray<keyof T>, option: string, what: string): T {
  const has = typeof value === 'object' && value !== null && methods.every((name) => typeof value[name] === 'function')
  if (has) return value
  throw new InvalidOptionError(option, what, value)
}

function checkCount(value: unknown, option: string): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidOptionError(option, 'a positive integer', value)
}

function oneOf<T>(value: unknown, allowed: readonly T[], option: string): T | undefined {
  if (value === undefined) return undefined
  const found = allowed.find((one) => one === value)
  if (found !== undefined) return found
  throw new InvalidOptionError(option, `one of ${allowed.join(', ')}`, value)
}

const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const OWN_ATTRIBUTES: ReadonlySet<string> = new Set(Object.values(ATTRIBUTE))

function checkAttributes(attributes: unknown): Readonly<Record<string, string>> {
  if (attributes === undefined) return {}
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes)) {
    throw new InvalidOptionError('options.attributes', 'an object of strings', attributes)
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (!LABEL.test(name) || name.startsWith('__') || name === 'le' || OWN_ATTRIBUTES.has(name)) {
      throw new InvalidOptionError(
        'the name of an attribute in options.attributes',
        `a Prometheus label other than le, ${[...OWN_ATTRIBUTES].join(', ')}`,
        name,
      )
    }
    if (typeof value !== 'string') throw new InvalidOptionError(`options.attributes.${name}`, 'a string', value)
  }
  return { ...attributes }
}
