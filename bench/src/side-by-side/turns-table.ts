import type { PeerKind } from '../peers/peer.js'
import { OURS } from '../peers/peers.js'
import type { Table } from '../program.js'
import { median, quantile } from '../statistics.js'
import type { Taken } from './take-turns.js'

/** How a duration is shown: alone as time, with many callers as throughput. */
export type Shown = 'ns' | 'µs' | 'thousand a second'

/** What is to be known about each peer. */
export interface LastColumn {
  readonly title: string
  cell(kind: PeerKind): string
}

const AMOUNTS: Readonly<Record<Shown, (ns: number) => number>> = {
  ns: (ns) => Math.round(ns),
  µs: (ns) => rounded(ns / 1_000, 1),
  'thousand a second': (ns) => rounded(1e6 / ns, 1),
}

const SUBTITLE = 'Time over that of otel-cache, in the same rounds: less is better.'

/**
 * A row a peer, compared with ours within each round.
 *
 * @param chart what the file of its chart is called
 */
export function turnsTable(
  title: string,
  taken: readonly Taken[],
  shown: Shown,
  chart: string,
  lastColumn?: LastColumn,
): Table {
  const ours = roundsOf(OURS, taken)
  return {
    title,
    columns: ['', shown, 'takes / ours', 'middle half', ...(lastColumn ? [lastColumn.title] : [])],
    rows: taken.map(({ kind, rounds }) => {
      const ratios = rounds.map((time, round) => time / (ours[round] as number))
      const half = `${quantile(ratios, 0.25).toFixed(2)} … ${quantile(ratios, 0.75).toFixed(2)}`
      const cells = [kind.name, AMOUNTS[shown](median(rounds)), `${median(ratios).toFixed(2)}x`, half]
      return lastColumn ? [...cells, lastColumn.cell(kind)] : cells
    }),
    bars: { name: chart, subtitle: SUBTITLE, unit: 'x', index: 2, ...(shown === 'ns' && { scale: 'log' }) },
  }
}

export function roundsOf(name: string, taken: readonly Taken[]): readonly number[] {
  const found = taken.find(({ kind }) => kind.name === name)
  if (found === undefined) throw new Error(`'${name}' was not measured`)
  return found.rounds
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
