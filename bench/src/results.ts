import { readFileSync, writeFileSync } from 'node:fs'
import { type ContractFigure, contractFigures } from './contract.js'
import type { GroupReport } from './group-run.js'
import type { Machine } from './machine.js'
import type { ProgramReport } from './program.js'

/** All that a run has found: what `--json` prints and `--save` keeps. */
export interface Results extends GroupReport {
  readonly machine: Machine
  readonly quick: boolean
  readonly rounds: number
  /** By the program's name. */
  readonly programs: Readonly<Record<string, ProgramReport>>
  readonly contract: readonly ContractFigure[]
}

export const DOCS: URL = new URL('../../docs/performance/', import.meta.url)
const FILE = new URL('results.json', DOCS)

/** The run that is kept, judged by what is explained now. */
export function readResults(): Results {
  const kept = JSON.parse(readFileSync(FILE, 'utf8')) as Results
  return { ...kept, contract: contractFigures(kept.figures, kept.programs) }
}

export function writeResults(results: Results): void {
  // Measurements are written with the digits that mean something: a diff of two runs should be read.
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value
  writeFileSync(FILE, `${JSON.stringify(results, rounded, 1)}\n`)
}
