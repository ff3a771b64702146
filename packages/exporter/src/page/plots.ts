import { bytes, circuit, count, duration, type Format, percent, rate } from './format.js'
import type { Figure, Point } from './point.js'

/** A line of a plot, or a column of a table. */
export interface Line {
  readonly label: string
  /** A CSS variable; the dashes tell lines apart without it. */
  readonly color: string
  readonly dash: readonly number[]
  readonly of: (point: Point) => Figure
}

/** What one chart shows. */
export interface Plot {
  readonly title: string
  readonly format: Format
  readonly lines: readonly Line[]
  /** All marks of the scale where it is fixed; it begins at 0. */
  readonly marks?: readonly number[]
  /** The steps that marks may be apart, where tens are not round. */
  readonly steps?: readonly number[]
  /** Of something that jumps from state to state. */
  readonly isStepped?: boolean
  /** Of what some caches never have: without Redis no breaker, without memory no size. It is then left out. */
  readonly isOptional?: boolean
}

const POWERS_OF_TWO: readonly number[] = Array.from({ length: 50 }, (_, power) => 2 ** power)
const SOLID: readonly number[] = []
const DASHED: readonly number[] = [6, 4]
const DOTTED: readonly number[] = [2, 3]

function line(label: string, color: string, of: Line['of'], dash: readonly number[] = SOLID): Line {
  return { label, color, dash, of }
}

/** The charts of a cache, with the latency of one operation. */
export function plotsOf(operation: string): readonly Plot[] {
  return [
    {
      title: 'Hit ratio',
      format: percent,
      marks: [0, 0.5, 1],
      lines: [line('ratio', '--good', (point) => point.hitRatio)],
    },
    {
      title: 'Throughput',
      format: rate,
      lines: [
        line('memory', '--good', (point) => point.memoryHits),
        line('Redis', '--first', (point) => point.redisHits, DASHED),
        line('misses', '--warn', (point) => point.misses, DOTTED),
      ],
    },
    {
      title: `Latency of ${operation}`,
      format: duration,
      lines: [
        line('p50', '--first', (point) => point.latency(operation)[0]),
        line('p95', '--second', (point) => point.latency(operation)[1], DASHED),
        line('p99', '--third', (point) => point.latency(operation)[2], DOTTED),
      ],
    },
    {
      title: 'Errors',
      format: rate,
      lines: [
        line('errors', '--bad', (point) => point.errors),
        line('not tried', '--warn', (point) => point.skipped, DASHED),
      ],
    },
    {
      title: 'Breaker',
      format: circuit,
      marks: [0, 1, 2],
      isStepped: true,
      isOptional: true,
      lines: [line('state', '--bad', (point) => point.circuit)],
    },
    {
      title: 'Proof age',
      format: duration,
      isOptional: true,
      lines: [line('age', '--second', (point) => point.proofAge)],
    },
    {
      title: 'Memory',
      format: bytes,
      steps: POWERS_OF_TWO,
      isOptional: true,
      lines: [line('size', '--first', (point) => point.memoryBytes)],
    },
    {
      title: 'Entries in memory',
      format: count,
      isOptional: true,
      lines: [line('entries', '--first', (point) => point.memoryEntries)],
    },
  ]
}

/** A column of the tables: a figure with its name. */
export interface Column {
  readonly label: string
  readonly format: Format
  readonly of: (point: Point) => Figure
  /** Whether more than 0 wants to be seen. */
  readonly isTrouble?: boolean
}

export function columnsOf(operation: string): readonly Column[] {
  const latency = (index: 0 | 1 | 2) => (point: Point) => point.latency(operation)[index]
  return [
    { label: 'Hit ratio', format: percent, of: (point) => point.hitRatio },
    { label: 'Lookups', format: rate, of: (point) => point.lookups },
    { label: 'p50', format: duration, of: latency(0) },
    { label: 'p95', format: duration, of: latency(1) },
    { label: 'p99', format: duration, of: latency(2) },
    { label: 'Errors', format: rate, of: (point) => point.errors, isTrouble: true },
    { label: 'Breaker', format: circuit, of: (point) => point.circuit, isTrouble: true },
    { label: 'Proof age', format: duration, of: (point) => point.proofAge },
    { label: 'Memory', format: bytes, of: (point) => point.memoryBytes },
  ]
}
