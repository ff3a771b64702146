import type { Bars, Chart, ProgramReport, Table } from '../program.js'
import type { Results } from '../results.js'
import { contractDrawing } from './contract-drawing.js'
import { draw } from './draw.js'
import { drawingOf } from './drawings.js'
import { THEMES, type Theme } from './theme.js'

const CONTRACT = 'contract'

/** All charts of a run as SVG, by the name of their file. */
export async function drawCharts({ programs, contract }: Results): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  const charts = Object.values(programs).flatMap(chartsOf)
  for (const theme of THEMES) {
    files.set(fileOf(CONTRACT, theme), await draw(contractDrawing(contract, theme), theme))
    for (const chart of charts) files.set(fileOf(chart.name, theme), await draw(drawingOf(chart, theme), theme))
  }
  return files
}

function chartsOf({ charts = [], tables }: ProgramReport): Chart[] {
  return [...charts, ...tables.flatMap((table) => columnChart(table) ?? [])]
}

/** A column of a table as bars, in which this cache stands out. */
export function columnChart({ title, rows, bars }: Table): Bars | undefined {
  if (bars === undefined) return undefined
  const { index, labels = [0], ...chart } = bars
  const drawn = rows.flatMap((row) => {
    const cell = row[index]
    // A ratio is a text, such as 1.25x.
    const value = typeof cell === 'string' && /^[\d.]+x$/.test(cell) ? Number.parseFloat(cell) : cell
    const label = labels.map((one) => row[one]).join(', ')
    const series = label.includes('otel-cache') ? 'otel-cache' : 'others'
    return typeof value === 'number' ? [{ label, value, series }] : []
  })
  return { kind: 'bars', title, ...chart, bars: drawn, series: ['others', 'otel-cache'] }
}

/** A chart in Markdown, as GitHub shows it for either theme. */
export function pictureOf(name: string, title: string): string {
  const [light, dark] = THEMES.map((theme) => `charts/${fileOf(name, theme)}`)
  return `<picture>
  <source media="(prefers-color-scheme: dark)" srcset="${dark}">
  <img alt="${title}" src="${light}">
</picture>`
}

export function contractPicture(): string {
  return pictureOf(CONTRACT, "The contract's figures beside their bounds")
}

function fileOf(name: string, { name: theme }: Pick<Theme, 'name'>): string {
  return `${name}-${theme}.svg`
}
