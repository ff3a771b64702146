import {
  blackHoleAll,
  blackHoleChannels,
  calm,
  type Disturbance,
  delayChannels,
  delayReplies,
  evict,
  failOver,
  flushAll,
  killChannels,
  killLeaders,
  killMaster,
  moveSlots,
  stopRedis,
  stopWorker,
  writeFromOutside,
} from './disturbances.js'
import { SUBJECTS } from './layout.js'
import type { Mix } from './messages.js'
import type { Kind } from './servers.js'

/** A fleet at work, and what befalls it. */
export interface Scenario {
  readonly name: string
  /** What the workers' clients connect to. Default: a Redis. */
  readonly behind?: Kind
  readonly workers: number
  /** `maxStaleness` of the caches. */
  readonly bound: number
  readonly mix: Mix
  /** What the first worker does instead. */
  readonly first?: Mix
  /** One after the other. */
  readonly disturbances: readonly Disturbance[]
}

/** The defaults that the soak runs with: eight processes, and what memory may believe as users have it. */
const WORKERS = 8
const BOUND = 2_000
const READ_MOSTLY: Mix = { batch: 40, pause: 4, changes: 0.01, slowLoads: { share: 0, take: 0 } }
const BUSY: Mix = { ...READ_MOSTLY, batch: 100, pause: 2 }
/** Loads that outlast what memory may be believed, and more: their callers come long after the key has changed. */
const slowLoads = (take: number): Mix => ({ ...READ_MOSTLY, changes: 0.02, slowLoads: { share: 0.03, take } })

function scenario(name: string, disturbances: readonly Disturbance[], others: Partial<Scenario> = {}): Scenario {
  return { name, workers: WORKERS, bound: BOUND, mix: READ_MOSTLY, disturbances, ...others }
}

/** Every one long enough for its fault to outlast the bound. */
export const SCENARIOS: readonly Scenario[] = [
  scenario('calm', [calm(60_000)], { mix: BUSY }),
  scenario('slow loads', [calm(15_000)], { mix: slowLoads(4_000) }),
  scenario('CLIENT KILL TYPE pubsub', [killChannels(60, 250)]),
  scenario('SIGSTOP of Redis for 3 s', [calm(1_000), stopRedis(3_000), calm(4_000)]),
  scenario('SIGSTOP of a worker for 5 s', [calm(1_000), stopWorker(5_000), calm(2_000)]),
  scenario('SIGKILL of leaders', [killLeaders(5, 2_000)]),
  scenario('black-holed invalidations', [calm(2_000), blackHoleChannels(8_000), calm(4_000)], { behind: 'proxy' }),
  scenario('late invalidations', [delayChannels(300), calm(10_000)], { behind: 'proxy' }),
  scenario('late replies', [delayReplies(30), calm(10_000)], { behind: 'proxy' }),
  scenario('black-holed connections', [calm(2_000), blackHoleAll(4_000), calm(4_000)], { behind: 'proxy' }),
  scenario('Sentinel failover', [calm(2_000), failOver('asked'), calm(2_000)], { behind: 'sentinels' }),
  scenario('death of a master', [calm(2_000), failOver('killed'), calm(2_000)], { behind: 'sentinels' }),
  scenario('Cluster', [calm(10_000)], { behind: 'cluster' }),
  scenario('death of a master in a Cluster', [calm(2_000), killMaster(), calm(2_000)], { behind: 'cluster' }),
  scenario('slots that move', [calm(1_000), moveSlots(500), calm(1_000)], { behind: 'cluster' }),
  scenario('FLUSHALL', [flushAll(20, 500)]),
  scenario('eviction', [evict(12_000)]),
  scenario('foreign writes', [writeFromOutside(12_000)]),
]

/** The same faults, short enough for `pnpm test`: what memory may believe is shorter, and a storm is many in a row. */
const SHORT = { workers: 4, bound: 500, mix: READ_MOSTLY }

export const SHORT_SCENARIOS: readonly Scenario[] = [
  scenario('calm', [calm(5_000)], { mix: BUSY }),
  scenario(
    'a storm',
    [
      killChannels(4, 200),
      stopRedis(1_000),
      calm(500),
      stopWorker(1_500),
      killLeaders(1, 500),
      flushAll(2, 300),
      writeFromOutside(2_000),
      evict(2_000),
    ],
    SHORT,
  ),
  scenario('black-holed invalidations', [calm(500), blackHoleChannels(2_500), calm(1_000)], {
    ...SHORT,
    behind: 'proxy',
  }),
  scenario('slow loads', [calm(3_000)], { ...SHORT, mix: slowLoads(1_000) }),
  scenario('Sentinel failover', [calm(500), failOver('asked'), calm(500)], { ...SHORT, behind: 'sentinels' }),
  scenario(
    'slots that move, and the death of a master in a Cluster',
    [moveSlots(300, SUBJECTS.slice(0, 6)), killMaster()],
    {
      ...SHORT,
      behind: 'cluster',
    },
  ),
]
