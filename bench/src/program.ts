/** A part of the bench that measures in a way of its own, where a group compares cases that take turns. */
export interface Program {
  /** In kebab-case, as `--filter` finds it. */
  readonly name: string
  /** What it shows, in one line, for `--help`. */
  readonly about: string
  /** It takes long and bounds nothing: `--quick` leaves it out, unless `--filter` names it. */
  readonly isLong?: true
  run(context: ProgramContext): Promise<ProgramReport>
}

export interface ProgramContext {
  /** A redis-server of the bench, emptied for this program. */
  readonly redisUrl: string
  /** Whether a first impression is enough: seconds instead of minutes. */
  readonly quick: boolean
  /** Tells how far it has come, from 0 to 1, and with what. */
  progress(done: number, text: string): void
}

/** What a program found. All of it is JSON: it is printed, and kept in a results file. */
export interface ProgramReport {
  readonly tables: readonly Table[]
  /** What the contract bounds. */
  readonly bounds: readonly BoundCheck[]
  /** What is drawn, in the docs. */
  readonly charts?: readonly Chart[]
  /** Why the figures should not be believed. Normally empty. */
  readonly complaints: readonly string[]
}

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  /** As many cells as columns; numbers with the digits that are worth showing. */
  readonly rows: readonly (readonly (string | number)[])[]
  /** What has to be known to read it right, in one or two sentences. */
  readonly note?: string
  /** Which of its columns is drawn above it. */
  readonly bars?: ColumnBars
}

/** A figure of the contract, section 5, beside what was measured. */
export interface BoundCheck {
  readonly figure: string
  readonly unit: '%' | 'ms' | 'x' | 'ns' | 'B'
  readonly measured: number
  readonly limit: number
  /** Which side of the limit is right. */
  readonly kind: 'at most' | 'at least' | 'under'
  /** The middle half of the rounds, where there were several: `measured` is their median. */
  readonly low?: number
  readonly high?: number
  /** How many there were. */
  readonly rounds?: number
  /** By how much other processes gave another median. */
  readonly apart?: number
}

/** A bar for each row that has a number, or a ratio such as `1.25x`, in this column; its title is the table's. */
interface ColumnBars extends Omit<ChartBase, 'title'> {
  /** Of the column, from 0. */
  readonly index: number
  /** Of the columns that name a row. Default: the first one. */
  readonly labels?: readonly number[]
}

/** A chart, as data. */
export type Chart = Bars | Strips

interface ChartBase {
  /** In kebab-case, of one program alone: the name of its file. */
  readonly name: string
  readonly title: string
  /** What the figures are and how to read them, in one line. */
  readonly subtitle: string
  /** Of the figures, as it stands behind a number: `ms`, `x`, `thousand a second`; empty for what is counted. */
  readonly unit: string
  /** Default: linear, from 0. */
  readonly scale?: 'log'
}

/** Figures side by side. */
export interface Bars extends ChartBase {
  readonly kind: 'bars'
  readonly bars: ReadonlyArray<{
    readonly label: string
    readonly value: number
    /** Bars of one series stand together and share a colour. */
    readonly series: string
  }>
  /** In the order of the colours. Default: as they come. */
  readonly series?: readonly string[]
}

/** How measurements are distributed: a strip each, with as many marks as values, and the median and p95 by number. */
export interface Strips extends ChartBase {
  readonly kind: 'strips'
  /** About a hundred values, that stand for all that were measured: `stripOf` picks them. */
  readonly strips: ReadonlyArray<{ readonly label: string; readonly values: readonly number[] }>
}
