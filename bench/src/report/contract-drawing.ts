import { type ContractFigure, contractCells } from '../contract.js'
import type { Drawing } from './draw.js'
import { COLOUR, yOf } from './drawings.js'
import type { Theme } from './theme.js'

/** Shares of a bound: what is beyond is drawn at the edge, its number beside it. */
const DOMAIN = [0.02, 5] as const
const TICKS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]
const LONGEST_LABEL = 48

/** Every figure of the contract as the share of its bound that it takes: 1 is the bound, and left of it is held. */
export function contractDrawing(contract: readonly ContractFigure[], theme: Theme): Drawing {
  const colours: Readonly<Record<ContractFigure['verdict'], string>> = {
    held: theme.good,
    'held within the spread': theme.unsure,
    undecided: theme.unsure,
    'missed, explained': theme.explained,
    MISSED: theme.bad,
  }
  const values = contract.map((figure) => {
    const { low = figure.measured, high = figure.measured, measured } = figure
    const [, amount, , bound] = contractCells(figure)
    return {
      row: `${figure.part}: ${figure.figure}`,
      value: shareOf(figure, measured),
      low: shareOf(figure, low),
      high: shareOf(figure, high),
      text: `${amount} (${bound})`,
      colour: colours[figure.verdict],
    }
  })
  const rows = rowsOf(contract)
  const labels = rows.map(({ label }) => label)
  const headings = rows.filter(({ isHeading }) => isHeading).map(({ row }) => row)
  const axis = {
    labelExpr: `(${JSON.stringify(Object.fromEntries(rows.map(({ row, label }) => [row, label])))})[datum.value]`,
    labelFontWeight: { condition: { test: `indexof(${JSON.stringify(headings)}, datum.value) >= 0`, value: 'bold' } },
  }
  const data = { values }
  const y = { ...yOf(rows.map(({ row }) => row)), axis }
  const position = {
    type: 'quantitative',
    scale: { type: 'log', domain: DOMAIN },
    axis: { values: TICKS, labelExpr: "datum.value + 'x'", grid: true },
  }
  const x = { field: 'value', ...position }
  return {
    title: "The contract's figures beside their bounds",
    subtitle: [
      'The share of its bound that a figure takes, with the middle half of the rounds: left of the line is held.',
      'Blue: held. Yellow: the bound is within the spread. Purple: missed, explained. Red: missed.',
    ],
    ...{ labels, right: 140, rowHeight: 19 },
    layers: [
      {
        data: { values: [{ value: 1 }] },
        mark: { type: 'rule', color: theme.text, strokeWidth: 1.5 },
        encoding: { x },
      },
      {
        data,
        mark: { type: 'rule', strokeWidth: 4, opacity: 0.4 },
        encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y, color: COLOUR },
      },
      { data, mark: { type: 'circle', size: 60, opacity: 1 }, encoding: { x, y, color: COLOUR } },
      {
        data,
        mark: { type: 'text', fontSize: 11 },
        encoding: { x: { value: 'width' }, y, text: { field: 'text' }, color: COLOUR },
      },
    ],
  }
}

/** A row for each figure, and a heading before those of a part. */
function rowsOf(contract: readonly ContractFigure[]): { row: string; label: string; isHeading: boolean }[] {
  return contract.flatMap(({ part, figure }, index) => {
    const label = figure.length > LONGEST_LABEL ? `${figure.slice(0, LONGEST_LABEL - 1)}…` : figure
    const row = { row: `${part}: ${figure}`, label, isHeading: false }
    return part === contract[index - 1]?.part ? [row] : [{ row: part, label: part, isHeading: true }, row]
  })
}

function shareOf({ kind, limit }: ContractFigure, value: number): number {
  const share = kind === 'at least' ? limit / value : value / limit
  return Math.min(Math.max(share, DOMAIN[0]), DOMAIN[1])
}
