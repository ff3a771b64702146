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
  readonly reason: string
}

const MISS: Omit<Explanation, 'figure'> = {
  part: 'miss',
  limit: 3,
  reason:
    'one load for the fleet, a fence and a memory that hears of changes need two scripts and a push by Redis, where the floor needs GET and SET. By hand, with no cache around them, these alone take 1.2x to 1.3x of the floor (the figure "the same trips by hand"), so that nothing is left for the cache, whose own work is some 65 µs of one processor. Over loopback that is more than the floor\'s two trips; to a Redis 1 ms away it is little: there a miss takes 1.2x to 1.4x of them ("1 ms away" in `peers-distance`)',
}

const THROUGHPUT: Omit<Explanation, 'figure'> = {
  part: 'redis-hit-64-callers',
  limit: 0.55,
  reason:
    'both sides parse, resolve a promise for each caller, and pay ioredis for its replies; what one MGET saves is the rest. By hand, with no cache around it, one MGET, a look at the head, the parse and the deep freeze are 1.4x to 2x of the floor, and 0.9x to 1.2x with the SDK\'s two records for each get (the figures "the same by hand")',
}

const GET_MANY: Omit<Explanation, 'figure'> = {
  part: 'get-many-redis',
  limit: 1.3,
  reason:
    'the floor neither looks at what it reads nor freezes it. By hand, with no cache around it, the same MGET with a head that is looked at and a deep freeze takes 1.5x to 1.65x of it (the figure "the same by hand")',
}

/** What cannot be held where Redis is 25 µs away, whoever does it: measured by hand in the same run, with no cache around. */
export const explained: readonly Explanation[] = [
  ...unmeteredAndMetered(({ suffix }) => ({
    ...MISS,
    figure: `getOrSet${suffix} / ioredis get, loader, set PX`,
    instead: `getOrSet${suffix} / the same trips by hand`,
  })),
  ...unmeteredAndMetered(({ suffix }) => ({
    ...THROUGHPUT,
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
      'the loader sleeps 50 ms by a timer that is itself 0.3 ms late, and Redis is asked before it and after it, by connections that have been idle for as long. On a calm machine all that takes 51.5 ms. On one that is busy elsewhere a processor wakes up late, and each of the two trips takes a millisecond or two. Peers that ask Redis for no lease, and do not wait for its store, save both',
  },
]
