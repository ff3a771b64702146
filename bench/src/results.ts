import { readFileSync, writeFileSync } from 'node:fs'
import { type ContractFigure, contractFigures } from './contract.js'
import type { GroupReport } from './group-run.js'
import type { Machine } from './machine.js'
import type { ProgramReport } from './program.js'
import { UsageError } from './settings.js'

/** All that a run has found: what `--json` prints and `--save` keeps. */
export interface Results extends GroupReport {
  readonly machine: Machine
  readonly quick: boolean
  readonly rounds: number
  /** By the program's name. */
  readonly programs: Readonly<Record<string, ProgramReport>>
  /** The groups and programs that failed, of which there are no figures. The complaints say why. */
  readonly failed: readonly string[]
  readonly contract: readonly ContractFigure[]
  /** When parts of it were measured anew, in UTC, by the names of the groups and programs. */
  readonly renewed?: Readonly<Record<string, string>>
}

export const DOCS: URL = new URL('../../docs/performance/', import.meta.url)
const FILE = new URL('results.json', DOCS)

/** The run that is kept, judged by what is explained now. */
export function readResults(): Results {
  const kept = JSON.parse(readFileSync(FILE, 'utf8')) as Results
  return { ...kept, contract: contractFigures(kept.figures, kept.programs) }
}

/** Throws where parts of the kept run cannot be measured anew: on another machine, or with other versions. */
export function checkMachine(kept: Results, machine: Machine): void {
  const standOn = ({ load, date, ...rest }: Machine): string => JSON.stringify(rest)
  if (standOn(kept.machine) !== standOn(machine)) {
    throw new UsageError('--save --filter renews parts of the kept run, which is of another machine or other versions')
  }
}

/** The kept run with some of its parts measured anew. */
export function withParts(kept: Results, anew: Results): Results {
  const parts = [...new Set(anew.figures.map(({ group }) => group)), ...Object.keys(anew.programs)]
  const figures = replaced(kept.figures, anew.figures)
  const programs = { ...kept.programs, ...anew.programs }
  const others = (texts: readonly string[]): string[] =>
    texts.filter((text) => !parts.some((one) => text === one || text.startsWith(`${one}, `)))
  return {
    ...kept,
    figures,
    programs,
    cases: replaced(kept.cases, anew.cases),
    measuredTwice: [...others(kept.measuredTwice), ...anew.measuredTwice],
    complaints: [...others(kept.complaints), ...anew.complaints],
    contract: contractFigures(figures, programs),
    renewed: { ...kept.renewed, ...Object.fromEntries(parts.map((part) => [part, anew.machine.date])) },
  }
}

/** Of the groups that were measured anew what is new, in the place of what was. */
function replaced<T extends { readonly group: string }>(kept: readonly T[], anew: readonly T[]): T[] {
  const names = new Set([...kept, ...anew].map(({ group }) => group))
  return [...names].flatMap((name) => {
    const of = (all: readonly T[]): T[] => all.filter(({ group }) => group === name)
    return of(anew).length > 0 ? of(anew) : of(kept)
  })
}

export function writeResults(results: Results): void {
  // Measurements are written with the digits that mean something: a diff of two runs should be read.
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value
  writeFileSync(FILE, `${JSON.stringify(results, rounded, 1)}\n`)
}
