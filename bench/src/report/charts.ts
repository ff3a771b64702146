import type { Results } from '../results.js'
import { contractDrawing } from './contract-drawing.js'
import { draw } from './draw.js'
import { drawingOf } from './drawings.js'
import { THEMES, type Theme } from './theme.js'

const CONTRACT = 'contract'

/** All charts of a run as SVG, by the name of their file. */
export async function drawCharts({ programs, contract }: Results): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  const charts = Object.values(programs).flatMap((report) => report.charts ?? [])
  for (const theme of THEMES) {
    files.set(fileOf(CONTRACT, theme), await draw(contractDrawing(contract, theme), theme))
    for (const chart of charts) files.set(fileOf(chart.name, theme), await draw(drawingOf(chart, theme), theme))
  }
  return files
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
