import type UPlot from 'uplot'
import { el, setText } from './dom.js'
import { clock, orNone } from './format.js'
import type { Line, Plot } from './plots.js'
import type { Point } from './point.js'

/** uPlot is a script before this one. */
declare const uPlot: typeof UPlot

const HEIGHT = 150
/** All charts have their left edge at one place, and their time axes side by side. */
const AXIS_WIDTH = 62
/** The least that the time axis shows, in seconds. */
const SHORTEST = 60

/** One chart with its present figures, and a text of what is drawn. */
export class Chart {
  readonly element: HTMLElement
  readonly #box: HTMLElement = el('div', { class: 'plot', role: 'img' })
  readonly #heading: HTMLElement = el('h3')
  readonly #values: readonly HTMLElement[]
  readonly #chart: UPlot
  #plot: Plot
  #points: readonly Point[] = []

  constructor(plot: Plot) {
    this.#plot = plot
    this.#values = plot.lines.map(() => el('dd'))
    const legend = plot.lines.map(({ label, color }, index) => {
      const swatch = el('i', { class: `swatch line-${index}`, 'aria-hidden': 'true' })
      swatch.style.setProperty('--color', `var(${color})`)
      return el('div', {}, el('dt', {}, swatch, label), this.#values[index] as HTMLElement)
    })
    const kind = plot.lines.length === 1 ? 'legend single' : 'legend'
    this.element = el('article', { class: 'chart' }, this.#heading, el('dl', { class: kind }, ...legend), this.#box)
    this.#chart = new uPlot(this.#options(), [[], ...plot.lines.map(() => [])] as UPlot.AlignedData, this.#box)
    new ResizeObserver(() => {
      if (this.#box.clientWidth > 0) this.#chart.setSize({ width: this.#box.clientWidth, height: HEIGHT })
    }).observe(this.#box)
  }

  show(plot: Plot, points: readonly Point[]): void {
    this.#plot = plot
    this.#points = points
    setText(this.#heading, plot.title)
    this.#tell()
    this.#box.setAttribute('aria-label', describe(plot, points))
    const data = [points.map(({ time }) => time), ...plot.lines.map((line) => points.map(line.of))]
    this.#chart.setData(data as UPlot.AlignedData)
  }

  /** Takes on the colours of now. */
  redraw(): void {
    this.#chart.redraw()
  }

  /** Takes its pointer from the others'. */
  destroy(): void {
    this.#chart.destroy()
  }

  /** The figures under the pointer, else the newest. */
  #tell(index: number = this.#points.length - 1): void {
    const point = this.#points[index]
    for (const [at, value] of this.#values.entries()) {
      setText(value, orNone(point && this.#plot.lines[at]?.of(point), this.#plot.format))
    }
  }

  #options(): UPlot.Options {
    const { lines, marks, steps, isStepped } = this.#plot
    const axis = { stroke: () => css('--muted'), ticks: { show: false }, font: FONT }
    return {
      width: 300,
      height: HEIGHT,
      padding: [8, 6, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: 'caches' }, points: { size: 6 } },
      hooks: { setCursor: [({ cursor }) => this.#tell(cursor.idx ?? undefined)] },
      scales: {
        x: { time: true, range: (_, min, max) => [Math.min(min, max - SHORTEST), max] },
        y: { range: (_, __, max) => [0, marks?.at(-1) ?? (max > 0 ? max * 1.1 : 1)] },
      },
      axes: [
        {
          ...axis,
          size: 28,
          gap: 8,
          space: 64,
          grid: { show: false },
          values: (_, times, __, ___, step) => times.map((time) => clock(time, step < 60)),
        },
        {
          ...axis,
          size: AXIS_WIDTH,
          space: 32,
          grid: { stroke: () => css('--grid'), width: 1 },
          ...(marks ? { splits: [...marks] } : {}),
          ...(steps ? { incrs: [...steps] } : {}),
          values: (_, values) => values.map((value) => this.#plot.format(value).replace('.0 %', ' %')),
        },
      ],
      series: [{}, ...lines.map((line) => series(line, lines.length === 1, isStepped === true))],
    }
  }
}

function series({ color, dash, label }: Line, isAlone: boolean, isStepped: boolean): UPlot.Series {
  const stepped = isStepped ? uPlot.paths.stepped?.({ align: 1 }) : undefined
  return {
    label,
    stroke: () => css(color),
    width: 1.75,
    dash: [...dash],
    points: { show: false },
    ...(isAlone ? { fill: () => `color-mix(in srgb, ${css(color)} 12%, transparent)` } : {}),
    ...(stepped ? { paths: stepped } : {}),
  }
}

/** What somebody hears who does not see the lines. */
function describe({ title, format, lines }: Plot, points: readonly Point[]): string {
  const minutes = Math.round(((points.at(-1)?.time ?? 0) - (points[0]?.time ?? 0)) / 60)
  const told = lines.map(({ label, of }) => {
    const figures = points.map(of).filter((figure) => figure !== null)
    if (figures.length === 0) return `${label}: no data`
    const [lowest, highest] = [Math.min(...figures), Math.max(...figures)]
    return `${label}: now ${orNone(of(points.at(-1) as Point), format)}, from ${format(lowest)} to ${format(highest)}`
  })
  return `${title} over the last ${minutes > 1 ? `${minutes} minutes` : 'minute'}. ${told.join('; ')}`
}

const FONT = '11px system-ui, sans-serif'

function css(variable: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(variable)
}
