const BRAND = Symbol.for('otel-cache.error')

/**
 * The base of every error this package makes. A loader's own error is none of these and passes through unwrapped.
 * `code` is stable; messages are not. Each code has a page in the documentation, below `docs/errors`.
 */
export class CacheError extends Error {
  override readonly name: string = 'CacheError'
  /** Stable: `ERR_CACHE_` and what is wrong. */
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    Object.defineProperty(this, BRAND, { value: true })
  }
}

/** An option or argument is not what was expected. */
export class InvalidOptionError extends CacheError {
  override readonly name = 'InvalidOptionError'

  constructor(option: string, expected: string, received: unknown) {
    super('ERR_CACHE_INVALID_OPTION', `${option} must be ${expected}; received ${describe(received)}`)
  }
}

/** A key or a namespace's name is not what was expected. */
export class InvalidKeyError extends CacheError {
  override readonly name = 'InvalidKeyError'

  constructor(argument: string, expected: string, received: unknown) {
    super('ERR_CACHE_INVALID_KEY', `${argument} must be ${expected}; received ${describe(received)}`)
  }
}

/** A value cannot be stored: it is `undefined`, or the codec refuses it (then `cause` is the codec's error). */
export class InvalidValueError extends CacheError {
  override readonly name = 'InvalidValueError'

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_CACHE_INVALID_VALUE', message, options)
  }
}

/** A loader took longer than `loadTimeout`, and nothing stale could be served. */
export class LoadTimeoutError extends CacheError {
  override readonly name = 'LoadTimeoutError'

  constructor(keys: readonly string[], timeout: number) {
    const others = keys.length > 1 ? ` and ${keys.length - 1} more` : ''
    const what = `the loader of ${describe(keys[0])}${others} did not finish within ${timeout} ms`
    super('ERR_CACHE_LOAD_TIMEOUT', `${what}: bound what it waits for, or raise loadTimeout`)
  }
}

/**
 * Redis did not answer within the timeout of `ready`, or did, and its invalidation channel did not stand. The cache works
 * all the same: it goes on asking.
 */
export class NotReadyError extends CacheError {
  override readonly name = 'NotReadyError'

  constructor(timeout: number, hasAnswered: boolean) {
    const what = hasAnswered
      ? `Redis answered, but its invalidation channel did not stand within ${timeout} ms: the cache goes on without it`
      : `Redis did not answer within ${timeout} ms: the cache goes on without it`
    super('ERR_CACHE_NOT_READY', `${what}, and asks again`)
  }
}

/** The cache has been closed. */
export class CacheClosedError extends CacheError {
  override readonly name = 'CacheClosedError'

  constructor(name: string) {
    super('ERR_CACHE_CLOSED', `the cache ${JSON.stringify(name)} is closed: close it after its last caller`)
  }
}

/** True for an error of this package, also when another copy of the package made it. */
export function isCacheError(error: unknown): error is CacheError {
  return typeof error === 'object' && error !== null && BRAND in error
}

/** A loader waits for a load that waits for it. */
export class RecursiveLoadError extends CacheError {
  override readonly name = 'RecursiveLoadError'

  constructor(key: string) {
    super(
      'ERR_CACHE_RECURSIVE_LOAD',
      `a loader waits for the load of ${describe(key)}, which waits for that loader: a loader must not read through the key it loads`,
    )
  }
}

/** More loads are waiting for `maxConcurrentLoads` than may wait. */
export class OverloadedError extends CacheError {
  override readonly name = 'OverloadedError'

  constructor(waiting: number) {
    const what = `${waiting} loads are waiting for maxConcurrentLoads: the origin does not keep up`
    super('ERR_CACHE_OVERLOADED', `${what}; shed callers, or raise maxConcurrentLoads`)
  }
}

/** Stands in a message for a secret. */
export class Hidden {
  readonly kind: string

  constructor(value: unknown) {
    this.kind = typeof value === 'string' ? 'a string' : describe(value)
  }
}

const LONGEST = 64

/** A received value, short enough for a message and never throwing. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value)
    case 'object':
      if (value === null) return 'null'
      if (value instanceof Hidden) return value.kind
      if (value instanceof Uint8Array) return `${value.length} bytes`
      return Array.isArray(value) ? 'an array' : 'an object'
    case 'function':
      return 'a function'
    case 'bigint':
      return `${value}n`
    default:
      return String(value)
  }
}
