import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { drawCharts } from '../src/report/charts.js'
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
