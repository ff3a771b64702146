import { type ContractFigure, contractCells } from '../contract.js'
import type { Bars, Chart, Strips } from '../program.js'
import { median, quantile, shown } from '../statistics.js'
import type { Drawing } from './draw.js'
import type { Theme } from './theme.js'

export function drawingOf(chart: Chart, theme: Theme): Drawing {
  return chart.kind === 'bars' ? barsDrawing(chart, theme) : stripsDrawing(chart, theme)
}

/** On a logarithmic scale nothing begins at 0, so a dot at the end of a line says more than a bar. */
function barsDrawing({ title, subtitle, bars, scale, unit }: Bars, { series: colours, quiet }: Theme): Drawing {
  const series = [...new Set(bars.map((bar) => bar.series))]
  const values = bars.map(({ label, series: of, value }) => ({
    row: series.length === 1 ? label : `${of}, ${label}`,
    value,
    label: `${value.toLocaleString('en', { maximumSignificantDigits: 3 })} ${unit}`,
    colour: colours[series.indexOf(of) % colours.length],
  }))
  const rows = values.map(({ row }) => row)
  const data = { values }
  const x = xOf('value', scale, unit)
  const y = yOf(rows)
  const color = { field: 'colour', type: 'nominal', scale: null }
  return {
    ...{ title, subtitle, rows, right: 90, rowHeight: 24 },
    layers: [
      scale === 'log'
        ? { data, mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 }, encoding: { x, x2: { datum: floorOf(values) }, y, color } }
        : { data, mark: { type: 'bar', height: 14 }, encoding: { x, y, color } },
      ...(scale === 'log' ? [{ data, mark: { type: 'circle', size: 110, opacity: 1 }, encoding: { x, y, color } }] : []),
      { data, mark: { type: 'text', color: quiet }, encoding: { x, y, text: { field: 'label' } } },
    ],
  }
}

function stripsDrawing({ title, subtitle, strips, scale, unit }: Strips, { series, text }: Theme): Drawing {
  const rows = strips.map(({ label }) => label)
  const marks = strips.flatMap(({ label, values }, index) =>
    values.map((value) => ({ row: label, value, colour: series[index % series.length] })),
  )
  const numbers = strips.flatMap(({ label, values }) => [
    { row: label, value: median(values), label: String(shown(median(values))) },
    { row: label, value: quantile(values, 0.95), label: String(shown(quantile(values, 0.95))) },
  ])
  const x = xOf('value', scale, unit)
  const y = yOf(rows)
  return {
    ...{ title, subtitle, rows, right: 40, rowHeight: 44 },
    layers: [
      {
        data: { values: marks },
        mark: { type: 'tick', height: 18, thickness: 2, opacity: 0.45 },
        encoding: { x, y, color: { field: 'colour', type: 'nominal', scale: null } },
      },
      {
        data: { values: numbers },
        mark: { type: 'point', shape: 'triangle-up', size: 45, filled: true, opacity: 1, color: text, dy: 0, yOffset: 14 },
        encoding: { x, y },
      },
      {
        data: { values: numbers },
        mark: { type: 'text', align: 'center', dx: 0, dy: -17, fontSize: 11 },
        encoding: { x, y, text: { field: 'label' } },
      },
    ],
  }
}

/** Below this it is all the same, and above it far too much. */
const DOMAIN = [0.02, 5] as const

/** Every figure of the contract as the share of its bound that it takes: 1 is the bound, and left of it is held. */
export function contractDrawing(contract: readonly ContractFigure[], theme: Theme): Drawing {
  const values = contract.map((figure) => {
    const { low = figure.measured, high = figure.measured, measured, verdict } = figure
    const [, amount, , bound] = contractCells(figure)
    return {
      row: `${figure.part}: ${figure.figure.split(' / ')[0]?.replace(/(, throughput of| less) .*/, '')}`,
      value: shareOf(figure, measured),
      low: shareOf(figure, low),
      high: shareOf(figure, high),
      label: `${amount} (${bound})`,
      colour: {
        held: theme.good,
        'held within the spread': theme.unsure,
        'missed, explained': theme.explained,
        MISSED: theme.bad,
      }[verdict],
    }
  })
  const rows = values.map(({ row }) => row)
  const data = { values }
  const scale = { type: 'log', domain: DOMAIN, clamp: true }
  const axis = { values: [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5], labelExpr: "datum.value + 'x'" }
  const x = { field: 'value', type: 'quantitative', scale, axis }
  const y = yOf(rows)
  const color = { field: 'colour', type: 'nominal', scale: null }
  return {
    title: "The contract's figures beside their bounds",
    subtitle:
      'The share of its bound that a figure takes: left of the line is held. Blue: held; yellow: the bound is within the spread; purple: missed, explained; red: missed.',
    ...{ rows, right: 130, rowHeight: 20 },
    layers: [
      { mark: { type: 'rule', color: theme.text, strokeWidth: 1.5 }, encoding: { x: { datum: 1, type: 'quantitative', scale, axis } } },
      { data, mark: { type: 'rule', strokeWidth: 3, opacity: 0.45 }, encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y, color } },
      { data, mark: { type: 'circle', size: 60, opacity: 1 }, encoding: { x, y, color } },
      { data, mark: { type: 'text', fontSize: 11 }, encoding: { x: { value: 'width' }, y, text: { field: 'label' }, color } },
    ],
  }
}

function shareOf({ kind, limit }: ContractFigure, value: number): number {
  const share = kind === 'at least' ? limit / value : value / limit
  return Math.min(Math.max(share, DOMAIN[0]), DOMAIN[1])
}

function xOf(field: string, scale: 'log' | undefined, unit: string): object {
  const axis = { format: scale === 'log' ? '~g' : '~s', labelExpr: `datum.label + ' ${unit}'`, tickCount: 8 }
  return { field, type: 'quantitative', axis, ...(scale === 'log' && { scale: { type: 'log', nice: true } }) }
}

function yOf(rows: readonly string[]): object {
  return { field: 'row', type: 'nominal', sort: rows, scale: { domain: rows } }
}

/** Where the lines of a logarithmic chart begin. */
function floorOf(values: readonly { readonly value: number }[]): number {
  return 10 ** Math.floor(Math.log10(Math.min(...values.map(({ value }) => value))))
}
