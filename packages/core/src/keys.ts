import { Buffer } from 'node:buffer'
import { InvalidKeyError } from './errors.js'

/**
 * Where everything lies in Redis. Below the root, which is the cache's `keyPrefix` (and `@version:` where there is one):
 *
 *   v:PATH{KEY}   a value
 *   l:PATH{KEY}   its lease, in the same slot
 *   g:PATH        the generation of everything under PATH
 *   g:PATH{TAG}   the generation of a tag under PATH
 *
 * PATH is empty or `segment:segment:`, its segments escaped; so no two views share a key, and the first brace after the
 * root opens the key. The slot rule: what belongs to one key hashes by the same braces, also in a Cluster, and a user's
 * own `{tag}` inside KEY still keeps keys together, because the hash ends at the first closing brace.
 */
const MAX_KEY_BYTES = 512
const MAX_BYTES_PER_UNIT = 3

/** Refuses what is no key. Never needed for a key that memory holds: it was checked when it came in. */
export function checkKey(key: unknown, argument = 'key'): asserts key is string {
  if (typeof key !== 'string' || key === '') throw new InvalidKeyError(argument, 'a non-empty string', key)
  if (key.length * MAX_BYTES_PER_UNIT > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new InvalidKeyError(argument, `at most ${MAX_KEY_BYTES} bytes`, key)
  }
  // A lone surrogate has no UTF-8 form: two such keys would be one in Redis.
  if (!isWellFormed(key)) throw new InvalidKeyError(argument, 'well-formed Unicode', key)
}

export function isKey(key: unknown): key is string {
  try {
    checkKey(key)
    return true
  } catch {
    return false
  }
}

/** Whether it has a UTF-8 form. ES2024, in every Node that is supported. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

/** A namespace's name as a path segment: nothing in it ends the segment or opens a key. */
export function pathSegment(name: unknown): string {
  checkKey(name, 'namespace')
  return `${name.replace(/[%:{}\0]/g, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`)}:`
}

const WIDEST: readonly string[] = ['']

/** The views around a path, itself included, outermost first: `a:b:` gives '', `a:`, `a:b:`. */
export function pathsAround(path: string): readonly string[] {
  if (path === '') return WIDEST
  const paths = ['']
  for (let colon = path.indexOf(':'); colon !== -1; colon = path.indexOf(':', colon + 1)) {
    paths.push(path.slice(0, colon + 1))
  }
  return paths
}

const NUL = '\0'
/** Under which nothing is ever held, so that a lookup need not check its key before it has missed. */
const NO_KEY = ''

/** Taken out once: callers' keys are of many kinds to V8 (joined, sliced), and looking a method up in each is slow. */
const { charCodeAt } = String.prototype

/** A key's name inside this process. The widest view's are the user's own strings, so that a hit builds none. */
export function memoryId(path: string, key: string): string {
  return path === '' && typeof key === 'string' && charCodeAt.call(key, 0) !== 0 ? key : longMemoryId(path, key)
}

function longMemoryId(path: string, key: string): string {
  return typeof key === 'string' ? `${NUL}${path}{${key}` : NO_KEY
}

/** Whether a memory id lies in the view of a path, or below it. */
export function isUnder(path: string, id: string): boolean {
  return path === '' || (id.charCodeAt(0) === 0 && id.startsWith(path, 1))
}

/** What a name in Redis says: of the value of a key, of a view's generation, or of a tag's. */
export interface NameRead {
  readonly kind: 'value' | 'generation'
  readonly path: string
  /** Or the tag; undefined for a view's generation. */
  readonly key: string | undefined
}

/** Names of keys in Redis, for one cache. */
export class RedisKeys {
  readonly #root: string
  readonly #values: string
  readonly #generations: string

  constructor(keyPrefix: string, version: string | number | undefined) {
    this.#root = version === undefined ? keyPrefix : `${keyPrefix}@${pathSegment(String(version))}`
    this.#values = `${this.#root}v:`
    this.#generations = `${this.#root}g:`
  }

  /** Of a value; without a key, what the names of all values under the path begin with. */
  value(path: string, key?: string): string {
    return key === undefined ? `${this.#root}v:${path}` : `${this.#root}v:${path}{${braced(key)}}`
  }

  /** Of the lease of a value. Undefined where the name is no value's. */
  leaseOf(name: string): string | undefined {
    return name.startsWith(this.#values) ? this.leases + name.slice(this.#values.length) : undefined
  }

  /** Of the generation of any tag in the view of a generation. Undefined where the name is of none. */
  anyTagOf(name: string): string | undefined {
    if (!name.startsWith(this.#generations)) return undefined
    const tag = name.indexOf('{', this.#generations.length)
    return `${tag === -1 ? name : name.slice(0, tag)}{}`
  }

  /** What the name of a value, or of a generation, says; undefined for any other. */
  read(name: string): NameRead | undefined {
    const [kind, prefix] = name.startsWith(this.#values)
      ? (['value', this.#values] as const)
      : (['generation', this.#generations] as const)
    if (!name.startsWith(prefix)) return undefined
    const brace = name.indexOf('{', prefix.length)
    const path = name.slice(prefix.length, brace === -1 ? undefined : brace)
    return { kind, path, key: brace === -1 ? undefined : unbraced(name.slice(brace + 1, -1)) }
  }

  /** What all names begin with whose changes concern a cache. */
  get tracked(): readonly string[] {
    return [this.#values, this.#generations]
  }

  /** Of the value that a lease is for. */
  valueOf(lease: string): string {
    return this.#values + lease.slice(this.leases.length)
  }

  /** The channel on which leases are told that were given back. */
  get leases(): string {
    return `${this.#root}l:`
  }

  generation(path: string, tag?: string): string {
    return tag === undefined ? `${this.#root}g:${path}` : `${this.#root}g:${path}{${braced(tag)}}`
  }

  /** What SCAN finds every value under a path by. */
  valuesPattern(path: string): string {
    return `${escapeGlob(this.value(path))}*`
  }
}

export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&')
}

/** Braces around an empty text would not count as a hash tag, so a key may not begin with the closing one. */
function braced(key: string): string {
  return key.startsWith('}') || key.startsWith('%') ? `%${key}` : key
}

function unbraced(key: string): string {
  return key.startsWith('%') ? key.slice(1) : key
}
