import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { columnChart, drawCharts } from '../src/report/charts.js'
import { renewed } from '../src/report/document.js'
import { CHARTS, PAGE, PAGES } from '../src/report/write-report.js'
import { readResults } from '../src/results.js'

const results = readResults()
const page = readFileSync(PAGE, 'utf8')

test.each(PAGES.map((url) => [url.pathname.split('/docs/')[1], url] as const))(
  '%s has the figures of the kept run: `pnpm bench:report` writes them',
  (_, url) => {
    const text = readFileSync(url, 'utf8')
    expect(text).toContain('<!-- figures: ')
    expect(renewed(text, results)).toBe(text)
    if (!results.quick) expect(text).not.toContain('not measured')
  },
)

test('the charts are drawn from the kept run, and there are no others', async () => {
  const charts = await drawCharts(results)
  expect(readdirSync(CHARTS).sort()).toEqual([...charts.keys()].sort())
  for (const [file, svg] of charts) expect(readFileSync(new URL(file, CHARTS), 'utf8') === svg, file).toBe(true)
})

test('every chart is on the page, for light and for dark', async () => {
  for (const file of (await drawCharts(results)).keys()) expect(page).toContain(`"charts/${file}"`)
})

test('a column of a table is drawn, without what has no number, and this cache stands out', () => {
  const rows = [
    [8, 'ioredis', 51],
    [8, 'otel-cache', 41],
    [8, 'lru-cache', ''],
  ]
  const look = { name: 'gets', subtitle: 'More is better.', unit: 'a second' }
  const table = { title: 'Gets', columns: ['callers', '', 'gets'], rows }
  expect(columnChart(table)).toBeUndefined()
  const ratios = { ...table, rows: [['ioredis', '1.25x']], bars: { ...look, index: 1 } }
  expect(columnChart(ratios)?.bars).toEqual([{ label: 'ioredis', value: 1.25, series: 'others' }])
  expect(columnChart({ ...table, bars: { ...look, index: 2, labels: [0, 1] } })).toEqual({
    ...look,
    kind: 'bars',
    title: 'Gets',
    series: ['others', 'otel-cache'],
    bars: [
      { label: '8, ioredis', value: 51, series: 'others' },
      { label: '8, otel-cache', value: 41, series: 'otel-cache' },
    ],
  })
})

test('a figure that was changed by hand is put right', () => {
  const changed = page.replace(/\d+\.\d+x/, '0.001x')
  expect(changed).not.toBe(page)
  expect(renewed(changed, results)).toBe(page)
})

test('a page that wants a program which was not measured is refused', () => {
  const unknown = '<!-- figures: no-such-program -->\n<!-- end of figures -->'
  expect(() => renewed(unknown, results)).toThrow("no program is called 'no-such-program'")
})

test('a page that quotes what a quick run leaves out says so', () => {
  const quoting = readFileSync(PAGES.find((url) => url.pathname.endsWith('/what-it-is.md')) as URL, 'utf8')
  const figures = results.figures.filter(({ group }) => group !== 'set')
  const page = renewed(quoting, { ...results, figures, programs: {} })
  expect(page).toContain('| a set | not measured |')
  expect(page).toContain('| to import it | not measured |')
})
