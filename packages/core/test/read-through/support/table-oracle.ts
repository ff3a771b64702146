/**
 * What the contract and RFC 5861 say of one cell of the table, in the order in which it is played: two callers at once,
 * at most one load, at most one change. It knows nothing of how the cache is made.
 */

/** Lifetimes and windows, so far apart that no load crosses the end of one unless it is meant to. */
export const TTL = 30_000
const SWR = 20_000
const SIE = 40_000
/** The trust rule: a memory entry in front of Redis is believed so long after it was read or written there. */
const MAX_STALENESS = 2_000
/** How long a load takes, to its deadline at most. */
export const LOAD_TIMEOUT = 5_000
export const DURATION = { ok: 0, slow: 3_000, throwing: 0, hanging: LOAD_TIMEOUT, 'returning undefined': 0 }
/** How long after its deadline a hanging load brings a value all the same. */
export const LATE = 2_000
/** Time that the test lets pass after `expire`: see the test. */
export const AFTER_EXPIRE = 1_001

export const CACHED = [
  { cached: 'fresh', value: 'old', ttl: TTL, age: 0 },
  { cached: 'fresh, past its proof', value: 'old', ttl: TTL, age: 5_000 },
  { cached: 'stale', value: 'old', ttl: TTL, age: TTL + 5_000 },
  { cached: 'stale, within its proof', value: 'old', ttl: 300, age: 1_500 },
  { cached: 'stale, past staleWhileRevalidate', value: 'old', ttl: TTL, age: TTL + SWR + 5_000 },
  { cached: 'stale, until staleIfError ends under a load', value: 'old', ttl: TTL, age: TTL + SIE - 2_000 },
  { cached: 'past its windows', value: 'old', ttl: TTL, age: TTL + SIE + 5_000 },
  { cached: 'missing', value: undefined, ttl: 0, age: 0 },
  { cached: 'negative', value: null, ttl: TTL, age: 0 },
  { cached: 'stale negative', value: null, ttl: 10_000, age: 15_000 },
] as const

export const RULES = [
  { rules: 'neither', staleWhileRevalidate: 0, staleIfError: 0 },
  { rules: 'swr', staleWhileRevalidate: SWR, staleIfError: 0 },
  { rules: 'sie', staleWhileRevalidate: 0, staleIfError: SIE },
  { rules: 'both', staleWhileRevalidate: SWR, staleIfError: SIE },
] as const

export interface Cell {
  readonly cached: (typeof CACHED)[number]
  readonly loader: keyof typeof DURATION
  readonly rules: (typeof RULES)[number]
  readonly change: 'no' | 'delete' | 'clear' | 'deleteByTag' | 'set' | 'expire'
  readonly when: 'change' | 'before' | 'during' | 'after'
}

/** What a caller got: a value, or the error of the loader that is named. */
export type Got = { readonly value: unknown } | { readonly error: unknown }

/** What can be read at one moment, and what has been counted by then. */
export interface Seen {
  readonly at: 'while it loads' | 'after the change' | 'after the load' | 'after the late value'
  readonly peek: unknown
  readonly inspect: { readonly value: unknown; readonly fresh: boolean; readonly tier: Tier } | undefined
  readonly get: unknown
  /** What another process gets from the same Redis. */
  readonly elsewhere: unknown
  readonly stats: Readonly<Record<'misses' | 'stale' | 'loads' | 'coalesced' | 'errors', number>> & {
    readonly hits: Readonly<Record<Tier, number>>
  }
}

export interface Story {
  /** What the two callers had got before the load ended, where it took its time. */
  readonly early: readonly (Got | undefined)[] | undefined
  /** And in the end. */
  readonly got: readonly (Got | undefined)[]
  /** The stale value that each run of the loader was offered. */
  readonly offered: readonly unknown[]
  readonly seen: readonly Seen[]
}

type Tier = 'memory' | 'redis'

interface Stored {
  readonly value: unknown
  /** When its lifetime ends. */
  readonly until: number
}

/** Whether a load is held open, so that something can be seen and done meanwhile. */
export function isHeld({ loader, when }: Cell): boolean {
  return DURATION[loader] > 0 || when === 'during'
}

export function oracle(cell: Cell, { isRedis, hasMemory }: { isRedis: boolean; hasMemory: boolean }): Story {
  const { cached, loader, rules, change, when } = cell
  const { staleWhileRevalidate, staleIfError } = rules
  const longest = Math.max(staleWhileRevalidate, staleIfError)
  const stats = { hits: { memory: 0, redis: 0 }, misses: 0, stale: 0, loads: 0, coalesced: 0, errors: 0 }
  const seen: Seen[] = []
  let now: number = cached.age
  let stored: Stored | undefined = cached.value === undefined ? undefined : { value: cached.value, until: cached.ttl }
  let proven = 0

  const servable = (window: number) => (stored !== undefined && now < stored.until + window ? stored : undefined)
  const isProven = () => hasMemory && (!isRedis || now < proven + MAX_STALENESS)
  const put = (value: unknown) => {
    stored = { value, until: now + TTL }
    proven = now
  }
  const alter = () => {
    if (change === 'set') put('set')
    else if (change !== 'expire') stored = undefined
    else {
      if (stored !== undefined) stored = { ...stored, until: Math.min(stored.until, now) }
      // Redis holds what is stale now, and memory nothing that could be believed.
      proven = Number.NEGATIVE_INFINITY
      now += AFTER_EXPIRE
    }
  }
  const see = (at: Seen['at']) => {
    const fresh = servable(0)
    const left = servable(longest)
    const tier: Tier = (fresh && isProven()) || !isRedis ? 'memory' : 'redis'
    const inspect = left && { value: left.value, fresh: fresh !== undefined, tier }
    const peek = isProven() ? fresh?.value : undefined
    // Whoever asks Redis proves what it holds.
    if (fresh && tier === 'redis') proven = now
    if (fresh) stats.hits[isProven() ? 'memory' : 'redis'] += 1
    else stats.misses += 1
    const get = fresh?.value
    seen.push({ at, peek, inspect, get, elsewhere: isRedis ? get : undefined, stats: structuredClone(stats) })
  }
  const serve = ({ value }: Stored, tier: Tier, isFresh: boolean): Got => {
    stats.hits[tier] += 2
    if (!isFresh) stats.stale += 2
    return { value }
  }

  if (when === 'before') alter()
  const fresh = servable(0)
  const offered = servable(longest)?.value
  const found = fresh ?? servable(staleWhileRevalidate)
  const atOnce = found && serve(found, isProven() ? 'memory' : 'redis', found === fresh)
  let got = atOnce
  if (fresh && !isProven()) proven = now
  if (!fresh) {
    stats.loads = 1
    if (isHeld(cell)) see('while it loads')
    if (when === 'during') {
      alter()
      see('after the change')
    }
    now += DURATION[loader]
    const isFailed = loader === 'throwing' || loader === 'hanging'
    const value = loader === 'returning undefined' ? undefined : 'new'
    if (!atOnce) {
      // What was removed or replaced while it loaded is nobody's to serve.
      const instead = isFailed && (when !== 'during' || change === 'expire') ? servable(staleIfError) : undefined
      if (instead) got = serve(instead, isRedis ? 'redis' : 'memory', false)
      else {
        stats.misses += 2
        got = isFailed ? { error: loader } : { value }
      }
      // The second caller waited for the load of the first, whatever came of it.
      stats.coalesced += 1
    }
    if (!isFailed && value !== undefined && when !== 'during') put(value)
  }
  see('after the load')
  if (!fresh && loader === 'hanging') {
    now += LATE
    see('after the late value')
  }
  if (when === 'after') {
    alter()
    see('after the change')
  }
  const early = !fresh && isHeld(cell) ? [atOnce, atOnce] : undefined
  return { early, got: [got, got], offered: fresh ? [] : [offered], seen }
}
