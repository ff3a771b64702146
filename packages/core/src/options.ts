import type { MeterProvider } from '@opentelemetry/api'
import { InvalidOptionError, notImplemented } from './errors.js'
import {
  checkDuration,
  checkOptionNames,
  DEFAULT_LIFETIME,
  type ResolvedLifetime,
  resolveLifetime,
} from './lifetime.js'
import type { MemoryLimits } from './memory/memory.js'
import { ATTRIBUTE } from './telemetry/names.js'
import type { CacheOptions, Codec, Lifetime, Milliseconds, ReadOptions, RedisLike } from './types.js'

/** The options of `createCache` with every default filled in. */
export interface ResolvedOptions {
  readonly name: string
  readonly keyPrefix: string
  readonly version: string | number | undefined
  readonly redis: RedisLike | undefined
  readonly memory: MemoryLimits | undefined
  readonly maxStaleness: Milliseconds
  readonly redisTimeout: Milliseconds
  readonly read: ResolvedReadOptions
  readonly codec: Codec | undefined
  readonly maxValueBytes: number
  readonly values: 'frozen' | 'copy'
  readonly attributes: Readonly<Record<string, string>>
  readonly histograms: 'both' | 'seconds' | 'ms'
  readonly timeMemoryHits: boolean
  readonly meterProvider: MeterProvider | undefined
}

/** The options of a read-through call with every default filled in. */
export interface ResolvedReadOptions {
  readonly lifetime: ResolvedLifetime
  readonly signal: AbortSignal | undefined
  readonly refresh: boolean
  readonly loadTimeout: Milliseconds
}

const DEFAULTS = {
  maxStaleness: 2_000,
  redisTimeout: 100,
  loadTimeout: 30_000,
  maxEntries: 10_000,
  maxBytes: 67_108_864,
  maxValueBytes: 1_048_576,
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
  'waitUntil',
])

const READ_OPTIONS: ReadonlySet<string> = new Set<keyof ReadOptions>([
  'signal',
  'refresh',
  'loadTimeout',
  'softLoadTimeout',
])

/** The largest Map that V8 makes, and lru-cache with it. */
const MOST_ENTRIES = 2 ** 24

export function resolveOptions(options: CacheOptions): ResolvedOptions {
  const lifetime = resolveLifetime(options ?? null, DEFAULT_LIFETIME, 'options', OPTIONS)
  refuseWhatIsToCome(options)
  const { keyPrefix, version, redis, codec, meterProvider } = options
  const name = nonEmptyString(options.name, 'options.name')
  return {
    name,
    keyPrefix: keyPrefix === undefined ? `${name}:` : checkKeyPrefix(keyPrefix, 'options.keyPrefix'),
    version: version === undefined ? undefined : checkVersion(version),
    redis: redis === undefined ? undefined : checkRedis(redis),
    memory: resolveMemory(options.memory),
    maxStaleness: checkDuration(options.maxStaleness, 'options.maxStaleness') ?? DEFAULTS.maxStaleness,
    redisTimeout: checkDuration(options.redisTimeout, 'options.redisTimeout') ?? DEFAULTS.redisTimeout,
    read: {
      lifetime,
      signal: undefined,
      refresh: false,
      loadTimeout: checkDuration(options.loadTimeout, 'options.loadTimeout') ?? DEFAULTS.loadTimeout,
    },
    codec: codec === undefined ? undefined : checkMethods(codec, ['encode', 'decode'], 'options.codec', 'a codec'),
    maxValueBytes: checkCount(options.maxValueBytes, 'options.maxValueBytes') ?? DEFAULTS.maxValueBytes,
    values: oneOf(options.values, ['frozen', 'copy'], 'options.values') ?? 'frozen',
    attributes: checkAttributes(options.attributes),
    histograms: oneOf(options.histograms, ['both', 'seconds', 'ms'], 'options.histograms') ?? 'both',
    timeMemoryHits: oneOf(options.timeMemoryHits, [true, false], 'options.timeMemoryHits') ?? false,
    meterProvider:
      meterProvider === undefined
        ? undefined
        : checkMethods(meterProvider, ['getMeter'], 'options.meterProvider', 'a MeterProvider'),
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
  refuseWhatIsToCome(options)
  const { signal } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidOptionError('options.signal', 'an AbortSignal', signal)
  }
  return {
    lifetime: resolved,
    signal,
    refresh: oneOf(options.refresh, [true, false], 'options.refresh') ?? false,
    loadTimeout: checkDuration(options.loadTimeout, 'options.loadTimeout') ?? defaults.loadTimeout,
  }
}

/** What a later issue brings is refused: an option that does nothing would be a lie. */
export function refuseWhatIsToCome(options: CacheOptions | ReadOptions | Lifetime): void {
  const coming: ReadonlyArray<keyof CacheOptions> = [
    'staleWhileRevalidate',
    'staleIfError',
    'tags',
    'softLoadTimeout',
    'maxConcurrentLoads',
    'earlyRefresh',
    'compression',
    'encryption',
    'schema',
    'tracerProvider',
    'waitUntil',
  ]
  for (const name of coming) {
    const value = (options as Partial<CacheOptions>)[name]
    if (value !== undefined && value !== false && value !== 0) throw notImplemented(`options.${name}`)
  }
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

function checkVersion(version: unknown): string | number {
  if (typeof version === 'number' && Number.isFinite(version)) return version
  if (typeof version === 'string' && version !== '') return version
  throw new InvalidOptionError('options.version', 'a non-empty string or a finite number', version)
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
