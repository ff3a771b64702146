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
  /** Nanoseconds per operation, medians. */
  readonly subjectNs: number
  readonly floorNs: number
  /** What a value takes in Redis, where that is not the same for both. */
  readonly stored: { readonly subject: number; readonly floor: number } | undefined
  /** Undefined where there is no bound. */
  readonly held: boolean | undefined
}

const FIGURES: Readonly<Record<FigureKind, (subject: number, floor: number) => number>> = {
  time: (subject, floor) => subject / floor,
  throughput: (subject, floor) => floor / subject,
  added: (subject, floor) => subject - floor,
}

/** Each figure of a group from the rounds of its cases: compared within each round, then the median. */
export function resultOf(group: string, figure: Figure, measured: readonly Measured[]): Result {
  const { rounds: subject, storedBytes } = caseOf(figure.subject, measured)
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
    subjectNs: median(subject),
    floorNs: median(floor),
    stored: isSame ? undefined : { subject: storedBytes, floor: floorBytes },
    held: figure.bound && isHeld(figure.kind, value, figure.bound.limit),
  }
}

function caseOf(name: string, measured: readonly Measured[]): Measured {
  const found = measured.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no case is called '${name}'`)
  return found
}

function isHeld(kind: FigureKind, value: number, limit: number): boolean {
  if (kind === 'throughput') return value >= limit
  return kind === 'added' ? value < limit : value <= limit
}

const COLUMNS = ['', 'floor', 'takes / floor', 'figure', 'middle half', 'bound', '', 'stored / floor']

/** The figures beside the bounds, as lines of text. */
export function summaryLines(results: readonly Result[]): string[] {
  const lines = [COLUMNS, ...results.map(columnsOf)]
  return alignedLines(lines).flatMap((line, index) => {
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

function columnsOf(result: Result): readonly string[] {
  const { kind, bound, value, low, high, stored } = result
  return [
    `  ${result.subject}${kind === 'throughput' ? ' (throughput)' : ''}`,
    result.floor,
    `${duration(result.subjectNs)} / ${duration(result.floorNs)}`,
    amount(kind, value),
    `${amount(kind, low)} … ${amount(kind, high)}`,
    bound === undefined ? '' : `${{ time: '<=', throughput: '>=', added: '<' }[kind]} ${limitText(kind, bound.limit)}`,
    verdict(result),
    stored === undefined ? '' : `${stored.subject.toFixed(0)} / ${stored.floor.toFixed(0)} B`,
  ]
}

function verdict({ held, bound, low, high }: Result): string {
  if (bound === undefined) return ''
  if (bound.later) return held ? "a later issue's goal: reached" : "a later issue's goal: not yet"
  const unsure = low <= bound.limit && bound.limit <= high
  return (held ? 'held' : 'MISSED') + (unsure ? ', within the spread' : '')
}

function limitText(kind: FigureKind, limit: number): string {
  return kind === 'added' ? `${limit} ns` : `${limit}x`
}

function amount(kind: FigureKind, value: number): string {
  if (kind === 'added') return `${value < 0 ? '' : '+'}${value.toFixed(1)} ns`
  return `${value.toFixed(2)}x`
}

function duration(ns: number): string {
  return ns < 1_000 ? `${ns.toFixed(1)} ns` : `${(ns / 1_000).toFixed(ns < 10_000 ? 2 : 1)} µs`
}
