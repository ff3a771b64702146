import type { CacheOptions, CacheStats } from '@otel-cache/core'

/** How ioredis finds Redis: a server, a master by its Sentinels, or a Cluster. */
export type Target =
  | { readonly host: string; readonly port: number }
  | { readonly name: string; readonly sentinels: Array<{ host: string; port: number }> }
  | { readonly nodes: Array<{ host: string; port: number }> }

/** What a worker is made of: the first message it gets. */
export interface Plan {
  /** Its index in the run, of its own: one that replaces a dead one gets a new one. */
  readonly process: number
  readonly seed: number
  readonly journal: string
  readonly target: Target
  readonly cache: Pick<CacheOptions, 'maxStaleness' | 'loadTimeout' | 'memory'>
  /** The entry module of the cache, where it is not the package's own. */
  readonly core: string | undefined
}

/** What a worker does at random, over and over. */
export interface Mix {
  /** Operations begun in one turn of the event loop. */
  readonly batch: number
  /** Milliseconds between turns: 0 for none. */
  readonly pause: number
  /** The share of operations that change something, or load anew: the others read. */
  readonly changes: number
  /** Some loads take so many milliseconds, most a few. */
  readonly slowLoads: { readonly share: number; readonly take: number }
  /** Milliseconds for which everything is stored. Default: one of several. */
  readonly ttl?: number
  /** Nothing is read, and nothing changed but by the end of a generation. */
  readonly onlyEnds?: true
}

export type LoaderPlan = { readonly takes: number } | 'hangs'

export type Request =
  | { readonly kind: 'mix'; readonly mix: Mix }
  /** From now on only reads. */
  | { readonly kind: 'quiet' }
  /** So many callers of one key at once, and no journal. */
  | { readonly kind: 'call'; readonly key: string; readonly callers: number; readonly loader: LoaderPlan }
  /** Sets one key again and again, and waits in between for so many milliseconds. */
  | { readonly kind: 'write'; readonly subject: number; readonly times: number; readonly pause: number }
  /** Looks into its memory every millisecond, and tells when a value has gone from it. */
  | { readonly kind: 'watch'; readonly subject: number }
  | { readonly kind: 'stop' }

export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'loading'; readonly at: number }
  | Called
  | { readonly kind: 'wrote'; readonly writes: readonly Wrote[] }
  | Stopped

/** What became of a `call`. */
export interface Called {
  readonly kind: 'called'
  readonly loads: number
  readonly errors: readonly string[]
  /** Different values that callers got. */
  readonly values: readonly unknown[]
  /** When the last caller had its answer, and how long the slowest waited. */
  readonly at: number
  readonly slowest: number
}

export interface Wrote {
  readonly value: number
  readonly confirmed: boolean
  /** When the call had returned. */
  readonly at: number
}

/** One value that a watcher held, and when it first found it gone. */
export interface Seen {
  readonly value: number
  readonly first: number
  readonly last: number
  readonly gone: number
}

export interface Stopped {
  readonly kind: 'stopped'
  readonly stats: CacheStats
  readonly seen: readonly Seen[]
}
