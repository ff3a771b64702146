import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import type { Latency } from './latency.js'
import { renderCoherence } from './render.js'
import type { Outcome } from './run.js'
import { type Distribution, round } from './statistics.js'
import type { Traffic } from './traffic.js'

/** What docs/reliability/coherence.json holds. Durations are milliseconds. */
export interface Coherence {
  readonly machine: { readonly node: string; readonly redis: string; readonly cpus: number; readonly date: string }
  readonly invalidation: Latency
  readonly traffic: Traffic
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

const DOCS = new URL('../../../docs/', import.meta.url)
const COHERENCE = new URL('reliability/coherence.json', DOCS)
/** The part by itself: `pnpm reliability` puts it into the page that it writes anew. */
const PART = new URL('reliability/coherence.md', DOCS)
const PAGE = new URL('reliability.md', DOCS)

export function measured(outcome: Outcome, workers: number, bound: number): MeasuredScenario {
  const { name, operations, reads, changes, loads, doubleLoads, staleness, ofStale, violationCount } = outcome
  const counts = { operations, reads, changes, loads, doubleLoads, memoryShare: round(outcome.memoryShare) }
  return { scenario: name, workers, bound, ...counts, staleness, ofStale, violations: violationCount }
}

export async function record(
  scenarios: readonly MeasuredScenario[],
  invalidation: Latency,
  traffic: Traffic,
  redis: string,
): Promise<void> {
  const date = new Date().toISOString().slice(0, 10)
  const machine = { node: process.versions.node, redis, cpus: availableParallelism(), date }
  const coherence: Coherence = { machine, invalidation, traffic, scenarios }
  await writeFile(COHERENCE, `${JSON.stringify(coherence, undefined, 2)}\n`)
  const former = await readFile(PART, 'utf8').catch(() => undefined)
  const part = renderCoherence(coherence)
  await writeFile(PART, part)
  const page = await readFile(PAGE, 'utf8')
  if (former !== undefined && page.includes(former))
    await writeFile(
      PAGE,
      page.replace(former, () => part),
    )
  else throw new Error('docs/reliability.md does not have the former part: `pnpm reliability` writes it')
}
