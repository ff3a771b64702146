import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import type { Latency } from './latency.js'
import type { Outcome } from './run.js'
import { type Distribution, round } from './statistics.js'

/** What docs/reliability/coherence.json holds. Durations are milliseconds. */
interface Coherence {
  readonly machine: { readonly node: string; readonly redis: string; readonly cpus: number; readonly date: string }
  readonly invalidation: Latency
  readonly scenarios: readonly MeasuredScenario[]
}

/** One run of a scenario. */
export interface MeasuredScenario {
  readonly scenario: string
  readonly workers: number
  /** `maxStaleness`. */
  readonly bound: number
  readonly operations: number
  readonly reads: number
  readonly changes: number
  readonly loads: number
  readonly doubleLoads: number
  /** Of the hits, the share that memory answered: 0 to 1. */
  readonly memoryShare: number
  /** How long before a read the value that it found had been replaced, over all reads that found one: 0 for most. */
  readonly staleness: Distribution
  /** The same of those alone that found one that had been replaced. */
  readonly ofStale: Distribution
  readonly violations: number
}

const COHERENCE = new URL('../../../docs/reliability/coherence.json', import.meta.url)

export function measured(outcome: Outcome, workers: number, bound: number): MeasuredScenario {
  const { name, operations, reads, changes, loads, doubleLoads, staleness, ofStale, violationCount } = outcome
  const counts = { operations, reads, changes, loads, doubleLoads, memoryShare: round(outcome.memoryShare) }
  return { scenario: name, workers, bound, ...counts, staleness, ofStale, violations: violationCount }
}

export async function record(
  scenarios: readonly MeasuredScenario[],
  invalidation: Latency,
  redis: string,
): Promise<void> {
  const date = new Date().toISOString().slice(0, 10)
  const machine = { node: process.versions.node, redis, cpus: availableParallelism(), date }
  const coherence: Coherence = { machine, invalidation, scenarios }
  await writeFile(COHERENCE, `${JSON.stringify(coherence, undefined, 2)}\n`)
}
