import { setTimeout as pause } from 'node:timers/promises'
import type { Stage } from './disturbances.js'
import { Fleet } from './fleet.js'
import type { Window } from './history.js'
import type { Stopped } from './messages.js'
import { judge, type Verdict } from './oracle.js'
import { Outsider } from './outsider.js'
import type { Scenario } from './scenarios.js'
import { startServers } from './servers.js'

/** What a busy machine puts between an instant and its record. */
const SLACK = 50
/** Far above `redisTimeout`, after which STORE_VALUE refuses what comes late. */
const LATE = 1_000
/** Reading goes on for so long beyond the bound when nothing changes any more: what is wrong for ever shows there. */
const QUIET = 500

export interface RunOptions {
  readonly seed: number
  /** The entry module of the cache. Default: the package's own. */
  readonly core?: string | undefined
  /** What every other process runs instead. */
  readonly otherCore?: string | undefined
}

export interface Outcome extends Verdict {
  readonly name: string
  readonly duration: number
  /** What the caches that were closed had counted: the share of hits that memory answered, and failed operations. */
  readonly memoryShare: number
  readonly errors: number
}

/** Has a fleet live through a scenario, and judges what it recorded. */
export async function run(scenario: Scenario, { seed, ...cores }: RunOptions): Promise<Outcome> {
  const started = performance.now()
  const { bound, mix, workers: size } = scenario
  const servers = await startServers(scenario.behind ?? 'redis')
  let fleet: Fleet | undefined
  let outsider: Outsider | undefined
  try {
    fleet = await Fleet.start({ size, seed, target: servers.target, cache: { maxStaleness: bound }, ...cores })
    outsider = new Outsider(servers.direct, fleet.own, seed)
    const windows: Window[] = []
    const stage: Stage = { fleet, outsider, mix, servers, windows }
    outsider.begin()
    for (const [index, member] of fleet.members.entries()) {
      member.send({ kind: 'mix', mix: index === 0 && scenario.first !== undefined ? scenario.first : mix })
    }
    for (const disturb of scenario.disturbances) await disturb(stage)
    fleet.send({ kind: 'quiet' })
    await pause(bound + QUIET)
    const stopped = await fleet.stop()
    await outsider.end()
    const verdict = judge(fleet.testimonies(), { bound, slack: SLACK, late: LATE, windows })
    return { name: scenario.name, duration: performance.now() - started, ...verdict, ...sumUp(stopped) }
  } finally {
    outsider?.close()
    await fleet?.end()
    await servers.stop()
  }
}

function sumUp(stopped: readonly Stopped[]): Pick<Outcome, 'memoryShare' | 'errors'> {
  const sum = (of: (one: Stopped) => number): number => stopped.reduce((total, one) => total + of(one), 0)
  const memory = sum(({ stats }) => stats.hits.memory)
  const redis = sum(({ stats }) => stats.hits.redis)
  return { memoryShare: memory / Math.max(1, memory + redis), errors: sum(({ stats }) => stats.errors) }
}
