import { setImmediate as nextTurn } from 'node:timers/promises'
import { serve } from '../child.js'
import { WARM_AFTER } from '../group.js'
import type { Peer, Setting } from '../peers/peer.js'
import { peerNamed } from '../peers/peers.js'
import type { Operation, Scenario } from './scenario.js'
import { scenarios } from './scenarios.js'

/** Between two looks at the clock, where an operation costs little more than such a look. */
const STRIDE = 64
/** Milliseconds before a slice: while all the others had their turn, the processor has forgotten this one. */
const LEAD_IN = 5

interface Staged {
  readonly peer: Peer
  readonly scenario: Scenario
  readonly operation: Operation
}

const [name = ''] = process.argv.slice(2)
let staged: Staged | undefined
let loads = 0
let operations = 0

/** The process of one peer: it is opened for a scenario, warmed up, and measured slice by slice. */
const tasks = {
  async open(scenarioName: string, redis: Setting['redis'], warmUp: number, longestWarmUp: number): Promise<void> {
    // How well a peer ends is not what is measured.
    await staged?.peer.close().catch(() => {})
    const scenario = scenarios.find((each) => each.name === scenarioName)
    if (scenario === undefined) throw new Error(`no scenario is called '${scenarioName}'`)
    const kind = peerNamed(name)
    const tiers = kind.tiers.includes(scenario.tiers) ? scenario.tiers : (kind.tiers.at(-1) ?? 'redis')
    const load = (key: string): unknown => {
      loads += 1
      return scenario.valueOf(key)
    }
    const prefix = `${name.replaceAll(/\W/g, '-')}-${scenarioName.replaceAll(/\W/g, '-')}:`
    const peer = await kind.open({ tiers, redis, prefix, maxEntries: 10_000, load })
    staged = { peer, scenario, operation: await scenario.prepare(peer) }
    const started = performance.now()
    const elapsed = (): number => performance.now() - started
    const { warmAfter = WARM_AFTER } = scenario
    let calls = 0
    while (elapsed() < warmUp || (calls < warmAfter && elapsed() < longestWarmUp)) {
      calls += (await slice(10)).operations
      await nextTurn()
    }
    loads = operations = 0
  },

  /** Nanoseconds an operation, whole time over operations, so that the garbage it makes is on its bill. */
  async slice(duration: number): Promise<number> {
    const leadIn = await slice(LEAD_IN)
    const measured = await slice(duration)
    operations += leadIn.operations + measured.operations
    return (measured.elapsed * 1e6) / measured.operations
  },

  /** Why the figures should not be believed. */
  complaints(): string[] {
    const expected = operations * (staged?.scenario.loads ?? 0)
    return loads === expected ? [] : [`${loads} loads in ${operations} operations, expecting ${expected}`]
  },
}

export type TurnTasks = typeof tasks

async function slice(duration: number): Promise<{ readonly elapsed: number; readonly operations: number }> {
  if (staged === undefined) throw new Error('nothing is open')
  const { operation, scenario } = staged
  const stride = scenario.tiers === 'memory' ? STRIDE : 1
  const started = performance.now()
  const end = started + duration
  const loop = async (): Promise<number> => {
    let count = 0
    do {
      for (let i = 0; i < stride; i++) await operation()
      count += stride
    } while (performance.now() < end)
    return count
  }
  const counts = await Promise.all(Array.from({ length: scenario.callers }, loop))
  return { elapsed: performance.now() - started, operations: counts.reduce((sum, count) => sum + count) }
}

serve(tasks)
