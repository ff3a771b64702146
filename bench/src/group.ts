import type { Stage } from './stage.js'

/** Cases that are measured in one interleaved run, and the figures made of them. */
export interface Group {
  /** In kebab-case, as `--filter` finds it. */
  readonly name: string
  /** It takes long and bounds nothing: `--quick` leaves it out, unless `--filter` names it. */
  readonly isLong?: true
  readonly cases: readonly Case[]
  readonly figures: readonly Figure[]
}

/** One thing that is timed, in a process of its own. */
export interface Case {
  readonly name: string
  /** Whether the loop around the operation waits for it: `await operation()`. */
  readonly awaited: boolean
  /** How many loops run beside each other. Default 1. */
  readonly callers?: number
  /** After how many calls it is as fast as it gets. Default 12,000; fewer where one call does the same thing often. */
  readonly warmAfter?: number
  /** Fills what has to be filled, and hands out what is called again and again. */
  prepare(stage: Stage): Operation | Promise<Operation>
}

/** V8 takes ten thousand calls to compile what lies between a cache and its socket: a miss is six times faster then. */
export const WARM_AFTER = 12_000

export type Operation = () => unknown

/** What the summary shows: two cases of a group compared. */
export interface Figure {
  /** The names of the two cases. */
  readonly subject: string
  readonly floor: string
  readonly kind: FigureKind
  /** Of the contract, section 5. None where it states none for exactly this. */
  readonly bound?: { readonly limit: number }
}

/**
 * - `time`: the subject's time over the floor's; a bound is the most it may be
 * - `throughput`: the floor's time over the subject's; a bound is the least it must be
 * - `added`: the subject's time less the floor's, in nanoseconds; a bound is what it must stay under
 */
export type FigureKind = 'time' | 'throughput' | 'added'

interface Metering {
  readonly metered: boolean
  readonly suffix: string
}

const METERING: readonly Metering[] = [
  { metered: false, suffix: '' },
  { metered: true, suffix: ', metered' },
]

/** The same without and with a meter provider, as each case of the cache comes. */
export function unmeteredAndMetered<T>(make: (metering: Metering) => T): T[] {
  return METERING.map(make)
}

/** The figures of one case of the cache: its time over the floor's, without and with a meter provider. */
export function timesOf(subject: string, floor: string, bounds: { bare?: number; metered?: number } = {}): Figure[] {
  return unmeteredAndMetered(({ metered, suffix }): Figure => {
    const limit = metered ? bounds.metered : bounds.bare
    const figure = { subject: subject + suffix, floor, kind: 'time' } as const
    return limit === undefined ? figure : { ...figure, bound: { limit } }
  })
}
