import type { Bars, Chart, Strips } from '../program.js'
import { median, quantile } from '../statistics.js'
import { type Drawing, widthOf } from './draw.js'
import type { Theme } from './theme.js'

/** What encodes a colour that stands in the data. */
export const COLOUR: object = { field: 'colour', type: 'nominal', scale: null }

export function drawingOf(chart: Chart, theme: Theme): Drawing {
  return chart.kind === 'bars' ? barsDrawing(chart, theme) : stripsDrawing(chart, theme)
}

/** On a logarithmic scale nothing begins at 0, so a dot at the end of a line says more than a bar. */
function barsDrawing({ title, subtitle, bars, series, scale, unit }: Bars, { series: colours, quiet }: Theme): Drawing {
  const order = series ?? [...new Set(bars.map((bar) => bar.series))]
  const isClear = new Set(bars.map(({ label }) => label)).size === bars.length
  const values = bars.map(({ label, series: of, value }) => ({
    row: isClear ? label : `${of}, ${label}`,
    value,
    text: amount(value, unit),
    colour: colours[order.indexOf(of) % colours.length],
  }))
  const labels = values.map(({ row }) => row)
  const data = { values }
  const { from, x } = xOf(
    bars.map(({ value }) => value),
    scale,
    unit,
  )
  const y = yOf(labels)
  const line = scale === 'log' ? { strokeWidth: 2, opacity: 0.5 } : { strokeWidth: 14 }
  const dots = { data, mark: { type: 'circle', size: 110, opacity: 1 }, encoding: { x, y, color: COLOUR } }
  return {
    ...{ title, subtitle, labels, right: widthOf(values.map(({ text }) => text)) + 20, rowHeight: 24 },
    layers: [
      { data, mark: { type: 'rule', ...line }, encoding: { x, x2: { datum: from }, y, color: COLOUR } },
      ...(scale === 'log' ? [dots] : []),
      { data, mark: { type: 'text', color: quiet }, encoding: { x, y, text: { field: 'text' } } },
    ],
  }
}

function stripsDrawing({ title, subtitle, strips, scale, unit }: Strips, { series, text }: Theme): Drawing {
  const labels = strips.map(({ label }) => label)
  const marks = strips.flatMap(({ label, values }, index) =>
    values.map((value) => ({ row: label, value, colour: series[index % series.length] })),
  )
  const { x } = xOf(
    marks.map(({ value }) => value),
    scale,
    unit,
  )
  const y = yOf(labels)
  /** A number above or below each strip, with a mark that points at where it lies. */
  const pointers = (share: (values: readonly number[]) => number, shape: string, side: 1 | -1): object[] => {
    const values = strips.map((strip) => share(strip.values))
    const data = { values: strips.map(({ label }, index) => numberOf(label, values[index] as number, unit)) }
    const point = { type: 'point', shape, size: 40, filled: true, opacity: 1, color: text, yOffset: 13 * side }
    const number = { type: 'text', align: 'center', dx: 0, dy: 23 * side, fontSize: 11 }
    return [
      { data, mark: point, encoding: { x, y } },
      { data, mark: number, encoding: { x, y, text: { field: 'text' } } },
    ]
  }
  return {
    ...{ title, subtitle, labels, right: 40, rowHeight: 64 },
    layers: [
      {
        data: { values: marks },
        mark: { type: 'tick', size: 18, thickness: 2, opacity: 0.45 },
        encoding: { x, y, color: COLOUR },
      },
      ...pointers(median, 'triangle-down', -1),
      ...pointers((values) => quantile(values, 0.95), 'triangle-up', 1),
    ],
  }
}

function numberOf(row: string, value: number, unit: string): { row: string; value: number; text: string } {
  return { row, value, text: amount(value, unit) }
}

/** The scale, and where its lines begin. A logarithmic one has a tick for each power of ten. */
function xOf(values: readonly number[], scale: 'log' | undefined, unit: string): { from: number; x: object } {
  const field = { field: 'value', type: 'quantitative' }
  if (scale === undefined)
    return { from: 0, x: { ...field, axis: { tickCount: 6, labelExpr: `datum.label + ' ${unit}'` } } }
  const first = Math.floor(Math.log10(Math.min(...values)))
  const last = Math.ceil(Math.log10(Math.max(...values)))
  const powers = Array.from({ length: last - first + 1 }, (_, index) => Number(`1e${first + index}`))
  const texts = Object.fromEntries(powers.map((power) => [power, amount(power, unit)]))
  const axis = { values: powers, labelExpr: `(${JSON.stringify(texts)})[datum.value]` }
  const [from = 1, to = 1] = [powers[0], powers.at(-1)]
  return { from, x: { ...field, axis, scale: { type: 'log', domain: [from, to], nice: false } } }
}

/** Rows in the given order. */
export function yOf(rows: readonly string[]): { readonly field: string } {
  return Object.assign({ field: 'row' }, { type: 'nominal', sort: rows, scale: { domain: rows } })
}

/** With its unit, and milliseconds in whatever unit they are read best. */
function amount(value: number, unit: string): string {
  if (unit === 'ms' && value < 0.000_999_5) return amount(value * 1e6, 'ns')
  if (unit === 'ms' && value < 0.999_5) return amount(value * 1e3, 'µs')
  if (unit === 'ms' && value >= 9_995) return amount(value / 1e3, 's')
  return `${value.toLocaleString('en', { maximumSignificantDigits: 3 })} ${unit}`.trimEnd()
}
