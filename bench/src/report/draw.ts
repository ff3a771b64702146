import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { Theme } from './theme.js'

/** What all charts have in common, and what is theirs: rows with a label each, in the given order. */
export interface Drawing {
  readonly title: string
  /** One line or several. */
  readonly subtitle: string | readonly string[]
  /** What stands before the rows, from the top. */
  readonly labels: readonly string[]
  readonly layers: readonly object[]
  /** Room on the right, for labels beside the marks. */
  readonly right: number
  readonly rowHeight: number
}

const WIDTH = 860
/** Of a letter, on average: without a browser nobody measures text, and Vega's own guess is far too wide. */
const LETTER = 7

/** Of the longest of them. */
export function widthOf(texts: readonly string[]): number {
  return Math.ceil(Math.max(...texts.map((text) => text.length)) * LETTER)
}

/** Draws it for a page of that theme, without a browser. The same drawing gives the same text on every machine. */
export async function draw(
  { title, subtitle, labels, layers, right, rowHeight }: Drawing,
  theme: Theme,
): Promise<string> {
  const left = widthOf(labels) + 12
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width: WIDTH - left - right,
    height: labels.length * rowHeight,
    padding: { left, right, top: typeof subtitle === 'string' ? 56 : 56 + 16 * (subtitle.length - 1), bottom: 30 },
    autosize: 'none',
    background: 'transparent',
    title: { text: title, subtitle, anchor: 'start', dx: -left, offset: 14, frame: 'group' },
    layer: layers,
    config: configOf(theme),
  }
  const svg = await new View(parse(compile(spec as TopLevelSpec).spec), { renderer: 'none' }).toSVG()
  // Processors and releases of V8 differ in the last digits of a logarithm.
  const rounded = (text: string): string =>
    text.replace(/\d+\.\d{3,}/g, (one) => String(Number(Number(one).toFixed(2))))
  return `${svg.replace(/="[^"]*"/g, rounded)}\n`
}

function configOf({ text, quiet, grid }: Theme): object {
  return {
    mark: { aria: false },
    font: 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif',
    title: { color: text, subtitleColor: quiet, fontSize: 15, subtitleFontSize: 12, subtitlePadding: 5 },
    axis: {
      ...{ labelColor: text, labelFontSize: 12, labelLimit: 0, domainColor: grid, tickColor: grid, gridColor: grid },
      ...{ gridOpacity: 0.7, title: null },
    },
    axisX: { labelColor: quiet },
    axisY: { grid: false, ticks: false, domain: false, labelPadding: 8 },
    view: { stroke: null },
    text: { color: text, fontSize: 12, align: 'left', baseline: 'middle', dx: 8 },
  }
}
