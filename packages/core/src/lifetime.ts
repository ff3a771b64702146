import { InvalidOptionError } from './errors.js'
import { isKey } from './keys.js'
import type { Lifetime, Milliseconds } from './types.js'

/** A lifetime with every default filled in. `negativeTtl` stays undefined where `null` lives as long as anything. */
export interface ResolvedLifetime {
  readonly ttl: Milliseconds
  readonly negativeTtl: Milliseconds | undefined
  readonly staleWhileRevalidate: Milliseconds
  readonly staleIfError: Milliseconds
  readonly jitter: number
  readonly tags: readonly string[]
}

export const DEFAULT_LIFETIME: ResolvedLifetime = {
  ttl: 3_600_000,
  negativeTtl: undefined,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  jitter: 0.1,
  tags: [],
}

const LIFETIME_OPTIONS: ReadonlySet<string> = new Set(Object.keys(DEFAULT_LIFETIME))

/** Refuses what is no lifetime. `origin` begins the option's name in the error, such as `options.`. */
export function resolveLifetime(
  lifetime: Lifetime | undefined,
  defaults: ResolvedLifetime,
  argument: string,
  others?: ReadonlySet<string>,
): ResolvedLifetime {
  if (lifetime === undefined) return defaults
  checkOptionNames(lifetime, argument, LIFETIME_OPTIONS, others)
  const { ttl, negativeTtl, staleWhileRevalidate, staleIfError, jitter, tags } = lifetime
  return {
    ttl: checkDuration(ttl, `${argument}.ttl`) ?? defaults.ttl,
    negativeTtl: checkDuration(negativeTtl, `${argument}.negativeTtl`) ?? defaults.negativeTtl,
    staleWhileRevalidate:
      checkDuration(staleWhileRevalidate, `${argument}.staleWhileRevalidate`) ?? defaults.staleWhileRevalidate,
    staleIfError: checkDuration(staleIfError, `${argument}.staleIfError`) ?? defaults.staleIfError,
    jitter: checkShare(jitter, `${argument}.jitter`) ?? defaults.jitter,
    tags: checkTags(tags, `${argument}.tags`) ?? defaults.tags,
  }
}

/** Refuses an options argument that is no object, or has a member nobody knows: most often a misspelt one. */
export function checkOptionNames(
  options: object,
  argument: string,
  known: ReadonlySet<string>,
  others?: ReadonlySet<string>,
): void {
  if (typeof options !== 'object' || options === null) throw new InvalidOptionError(argument, 'an object', options)
  for (const name in options) {
    if (known.has(name) || others?.has(name)) continue
    const names = [...known, ...(others ?? [])].join(', ')
    throw new InvalidOptionError(argument, `an object of known options (${names})`, name)
  }
}

export function checkDuration(value: unknown, option: string): Milliseconds | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number' && value >= 0) return value
  throw new InvalidOptionError(option, 'a number of milliseconds, 0 or more', value)
}

function checkShare(value: unknown, option: string): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw new InvalidOptionError(option, 'a number from 0 to 1', value)
}

function checkTags(tags: unknown, option: string): readonly string[] | undefined {
  if (tags === undefined) return undefined
  if (!Array.isArray(tags)) throw new InvalidOptionError(option, 'an array of tags', tags)
  for (const [index, tag] of tags.entries()) checkTag(tag, `${option}[${index}]`)
  return Object.freeze([...new Set<string>(tags)].sort())
}

/** A tag is part of a key in Redis, and held to the rules of one. */
export function checkTag(tag: unknown, argument: string): asserts tag is string {
  if (isKey(tag)) return
  throw new InvalidOptionError(argument, 'a non-empty, well-formed string of at most 512 bytes', tag)
}

/** Longer lifetimes are for ever: Redis refuses an expiry that overflows its clock. */
const FOR_EVER = 1e14

/** How long one stored value lives: drawn once, so that both tiers agree. */
export interface Span {
  /** 0: not to be stored. Infinity: for ever. Whole milliseconds. */
  readonly fresh: Milliseconds
  readonly staleWhileRevalidate: Milliseconds
  readonly staleIfError: Milliseconds
}

export function drawSpan(lifetime: ResolvedLifetime, isNull: boolean, random: () => number): Span {
  const ttl = isNull ? (lifetime.negativeTtl ?? lifetime.ttl) : lifetime.ttl
  const { jitter } = lifetime
  return {
    fresh: wholeMilliseconds(jitter === 0 || ttl === Infinity ? ttl : ttl * (1 - jitter * random())),
    staleWhileRevalidate: wholeMilliseconds(lifetime.staleWhileRevalidate),
    staleIfError: wholeMilliseconds(lifetime.staleIfError),
  }
}

/** How long the stored bytes are of any use. */
export function totalOf(span: Span): Milliseconds {
  return span.fresh + Math.max(span.staleWhileRevalidate, span.staleIfError)
}

/** How long what is stored with this lifetime may last, at most. */
export function longest(lifetime: ResolvedLifetime): Milliseconds {
  const [value, negative] = [false, true].map((isNull) => totalOf(drawSpan(lifetime, isNull, () => 0)))
  return Math.max(value as number, negative as number)
}

/** Redis counts whole milliseconds; what is above 0 stays so. */
function wholeMilliseconds(duration: number): number {
  return duration > FOR_EVER ? Infinity : Math.ceil(duration)
}
