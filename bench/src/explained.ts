import { unmeteredAndMetered } from './group.js'

/** Why a figure of the contract cannot hold on a machine of this kind, and what can. */
export interface Explanation {
  /** The group or program, and the figure, as the contract's table has them. */
  readonly part: string
  readonly figure: string
  /** What is left as a bound: a figure beyond it is missed, and not explained. */
  readonly limit: number
  /** The figure that this limit is for, where it is another: the same by hand in the same run, whatever the hour is like. */
  readonly instead?: string
  /** What the figure itself must hold all the same, where another is bounded instead. */
  readonly cap?: number
  readonly reason: string
}

const MISS: Omit<Explanation, 'figure'> = {
  part: 'miss',
  limit: 3,
  cap: 3.5,
  reason:
    'this is our own code, not physics: one load for the fleet, a fence and a memory that hears of changes need two scripts and a push by Redis, where the floor needs GET and SET, and the figure "the same trips by hand" says that these alone would hold. The rest is flights, deadlines, circuit breaker, marks and telemetry: many small steps, none of which stood out in a profile. Over loopback they take longer than the trips; "1 ms away: a miss" in `peers-distance` says what is left of that over a network',
}

const THROUGHPUT: Omit<Explanation, 'figure'> = {
  part: 'redis-hit-64-callers',
  limit: 0.65,
  reason:
    'both sides parse, resolve a promise for each caller, and pay ioredis for its replies; what one MGET saves is the rest, and the figure "the same by hand" says how little that is even without a cache: one MGET, a look at the head, the parse and the deep freeze, and where metered two clock reads and the SDK\'s two records',
}

const GET_MANY: Omit<Explanation, 'figure'> = {
  part: 'get-many-redis',
  limit: 1.3,
  cap: 2,
  reason:
    'the floor neither looks at what it reads nor freezes it: the figure "the same by hand", without any cache, does, and takes longer than the bound',
}

/** What is not held over loopback, where a trip costs little, and by how much: beside the same by hand in the same run. */
export const explained: readonly Explanation[] = [
  ...unmeteredAndMetered(({ suffix }) => ({
    ...MISS,
    figure: `getOrSet${suffix} / ioredis get, loader, set PX`,
    instead: `getOrSet${suffix} / the same trips by hand`,
  })),
  ...unmeteredAndMetered(({ metered, suffix }) => ({
    ...THROUGHPUT,
    cap: metered ? 0.7 : 1.1,
    figure: `get${suffix}, throughput of ioredis get + JSON.parse`,
    instead: `get${suffix}, throughput of the same by hand${suffix}`,
  })),
  ...unmeteredAndMetered(({ suffix }) => ({
    ...GET_MANY,
    figure: `getMany${suffix} / ioredis mget + JSON.parse`,
    instead: `getMany${suffix} / the same by hand`,
  })),
  {
    part: 'peers-stampede',
    figure: 'stampede in one process',
    limit: 58,
    reason:
      'the loader sleeps 50 ms by a timer that is itself late, and Redis is asked before it and after it, by connections that have been idle for as long. On a calm machine that fits; on one that is busy elsewhere a processor wakes up late. The fastest peers make two trips as well, with plainer commands, and take a millisecond or two less in the same run: that part is ours',
  },
]
