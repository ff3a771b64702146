import type { Figure, FigureKind } from './group.js'
import type { Measured } from './interleave.js'
import { median, quantile } from './statistics.js'

/** A figure, measured. */
export interface Result extends Figure {
  readonly group: string
  /** The median over the rounds, and the middle half of them. A ratio, or nanoseconds for `added`. */
  readonly value: number
  readonly low: number
  readonly high: number
  readonly rounds: number
  /** Half of what lies between the medians of its first processes and of its second, where there were two. */
  readonly apart: number
  /** Nanoseconds per operation, medians. */
  readonly subjectNs: number
  readonly floorNs: number
  /** What a value takes in Redis, where that is not the same for both. */
  readonly stored: { readonly subject: number; readonly floor: number } | undefined
}

const FIGURES: Readonly<Record<FigureKind, (subject: number, floor: number) => number>> = {
  time: (subject, floor) => subject / floor,
  throughput: (subject, floor) => floor / subject,
  added: (subject, floor) => subject - floor,
}

/** Each figure of a group from the rounds of its cases: compared within each round, then the median. */
export function resultOf(group: string, figure: Figure, measured: readonly Measured[]): Result {
  const { rounds: subject, storedBytes, before } = caseOf(figure.subject, measured)
  const { rounds: floor, storedBytes: floorBytes } = caseOf(figure.floor, measured)
  const values = subject.map((time, round) => FIGURES[figure.kind](time, floor[round] as number))
  const isSame = storedBytes === undefined || floorBytes === undefined || storedBytes === floorBytes
  const value = median(values)
  return {
    ...figure,
    group,
    value,
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    rounds: values.length,
    apart: before === 0 ? 0 : Math.abs(median(values.slice(0, before)) - median(values.slice(before))) / 2,
    subjectNs: median(subject),
    floorNs: median(floor),
    stored: isSame ? undefined : { subject: storedBytes, floor: floorBytes },
  }
}

function caseOf(name: string, measured: readonly Measured[]): Measured {
  const found = measured.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no case is called '${name}'`)
  return found
}

export const FLOORS_COLUMNS = ['', 'floor', 'takes / floor', 'figure', 'middle half', 'stored / floor'] as const

/** The figures beside their floors, as lines of text. */
export function summaryLines(results: readonly Result[]): string[] {
  return alignedLines([FLOORS_COLUMNS, ...results.map(floorsCells)]).flatMap((line, index) => {
    const group = results[index - 1]?.group
    return group === undefined || group === results[index - 2]?.group ? [line] : ['', group, line]
  })
}

/** Rows of cells as lines of text, each column as wide as its widest cell. */
export function alignedLines(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

export function floorsCells(result: Result): readonly string[] {
  const { kind, value, low, high, stored } = result
  return [
    `  ${result.subject}${kind === 'throughput' ? ' (throughput)' : ''}`,
    result.floor,
    `${duration(result.subjectNs)} / ${duration(result.floorNs)}`,
    amount(kind, value),
    `${amount(kind, low)} … ${amount(kind, high)}`,
    stored === undefined ? '' : `${stored.subject.toFixed(0)} / ${stored.floor.toFixed(0)} B`,
  ]
}

function amount(kind: FigureKind, value: number): string {
  if (kind === 'added') return `${value < 0 ? '' : '+'}${value.toFixed(1)} ns`
  return `${value.toFixed(2)}x`
}

function duration(ns: number): string {
  return ns < 1_000 ? `${ns.toFixed(1)} ns` : `${(ns / 1_000).toFixed(ns < 10_000 ? 2 : 1)} µs`
}
