/** Why a figure of the contract cannot hold on a machine of this kind, and what can. */
export interface Explanation {
  /** The group or program, and the figure, as the contract's table has them. */
  readonly part: string
  readonly figure: string
  /** What is left as a bound: a figure beyond it is missed, and not explained. */
  readonly limit: number
  readonly reason: string
}

const MISS: Omit<Explanation, 'figure'> = {
  part: 'miss',
  // A third more than was ever measured with nothing else running.
  limit: 3.2,
  reason:
    'one load for the fleet, a fence and a memory that hears of changes need two scripts and a push by Redis, where the floor needs GET and SET. By hand, with no cache around them, these alone take 1.2x to 1.3x of the floor (the figure "the same trips by hand"), so that nothing is left for the cache, whose own work is some 65 µs of one processor. Over loopback that is more than the floor\'s two trips; to a Redis 1 ms away it is little: there a miss takes 1.2x to 1.4x of them ("1 ms away" in `peers-distance`)',
}

const THROUGHPUT: Omit<Explanation, 'figure' | 'limit'> = {
  part: 'redis-hit-64-callers',
  reason:
    'both sides parse, resolve a promise for each caller, and pay ioredis for its replies; what one MGET saves is the rest. By hand, with no cache around it, one MGET, a look at the head, the parse and the deep freeze are 1.4x to 2x of the floor, and 0.9x to 1.2x with the SDK\'s two records for each get (the figures "the same by hand")',
}

const GET_MANY: Omit<Explanation, 'figure'> = {
  part: 'get-many-redis',
  limit: 2.2,
  reason:
    'the floor neither looks at what it reads nor freezes it. By hand, with no cache around it, the same MGET with a head that is looked at and a deep freeze takes 1.5x to 1.65x of it (the figure "the same by hand"): `getMany` is within 1.3x of that',
}

const GET = 'ioredis get + JSON.parse'

/** What cannot be held where Redis is 25 µs away, whoever does it: measured by hand in the same run, with no cache around. */
export const explained: readonly Explanation[] = [
  { ...MISS, figure: 'getOrSet / ioredis get, loader, set PX' },
  { ...MISS, figure: 'getOrSet, metered / ioredis get, loader, set PX' },
  { ...THROUGHPUT, figure: `get, throughput of ${GET}`, limit: 1.1 },
  { ...THROUGHPUT, figure: `get, metered, throughput of ${GET}`, limit: 0.65 },
  { ...GET_MANY, figure: 'getMany / ioredis mget + JSON.parse' },
  { ...GET_MANY, figure: 'getMany, metered / ioredis mget + JSON.parse' },
  {
    part: 'peers-stampede',
    figure: 'stampede in one process',
    limit: 56,
    reason:
      'the loader sleeps 50 ms by a timer that is itself 0.3 ms late, and Redis is asked before it and after it, by connections that have been idle for as long: each of these two trips takes more than half a millisecond. Peers that ask Redis for no lease, and do not wait for its store, save both',
  },
]
