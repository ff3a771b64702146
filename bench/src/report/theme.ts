/** The colours of a chart on a page that is light or dark. The background is the page's own. */
export interface Theme {
  readonly name: 'light' | 'dark'
  readonly text: string
  /** What is beside the point. */
  readonly quiet: string
  readonly grid: string
  /** Told apart by those who are colour-blind as well, in this order. */
  readonly series: readonly string[]
  readonly good: string
  readonly unsure: string
  readonly explained: string
  readonly bad: string
}

export const THEMES: readonly Theme[] = [
  {
    name: 'light',
    text: '#1f2328',
    quiet: '#59636e',
    grid: '#d1d9e0',
    series: ['#bc4c00', '#0969da', '#1a7f37', '#8250df', '#9a6700', '#59636e'],
    good: '#0969da',
    unsure: '#9a6700',
    explained: '#8250df',
    bad: '#cf222e',
  },
  {
    name: 'dark',
    text: '#f0f6fc',
    quiet: '#9198a1',
    grid: '#3d444d',
    series: ['#f0883e', '#58a6ff', '#3fb950', '#bc8cff', '#d29922', '#9198a1'],
    good: '#58a6ff',
    unsure: '#d29922',
    explained: '#bc8cff',
    bad: '#ff7b72',
  },
]
