import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import axe, { type AxeResults } from 'axe-core'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SECTIONS } from '../.vitepress/pages.js'
import { REPOSITORY_ROOT } from '../.vitepress/paths.js'
import { wrongPages } from '../.vitepress/sidebar.js'
import { pages } from './support/blocks.js'
import { deadLinksOfReadme, deadLinksOfSite } from './support/links.js'
import { buildSite, built, DIST, type Served, serve } from './support/site.js'

beforeAll(buildSite, 180_000)

it('has every page in its sidebar', () => {
  expect(wrongPages()).toEqual([])
})

it('describes every new page in its front matter', () => {
  const described = SECTIONS.flatMap((section) => section.pages).filter((page) =>
    /^(guide|features|how|migration|errors)\//.test(page),
  )
  const wanting = described.filter((page) => {
    const [, matter = ''] =
      /^---\n([\s\S]*?)\n---\n/.exec(readFileSync(join(REPOSITORY_ROOT, `docs/${page}.md`), 'utf8')) ?? []
    return !/^title: \S/m.test(matter) || !/^description: \S.{0,159}$/m.test(matter)
  })
  expect(wanting).toEqual([])
})

it('has the parts of a feature, in their order, on every page of one', () => {
  const parts = ['**In short.**', '## The picture', '## Options', '## Signals', '## Limits', '## See also']
  const features = SECTIONS.flatMap((section) => section.pages).filter((page) => page.startsWith('features/'))
  const wanting = features.filter((page) => {
    const text = readFileSync(join(REPOSITORY_ROOT, `docs/${page}.md`), 'utf8')
    const places = parts.map((part) => text.indexOf(`\n${part}`))
    return places.some((place, index) => place <= (places[index - 1] ?? 0))
  })
  expect(features.length).toBeGreaterThan(10)
  expect(wanting).toEqual([])
})

it('has no dead link, and no dead anchor', () => {
  expect(deadLinksOfSite()).toEqual([])
})

it('has the links of the READMEs lead somewhere', () => {
  const readmes = pages().filter((page) => !page.startsWith('docs/'))
  expect(readmes.flatMap(deadLinksOfReadme)).toEqual([])
})

it('loads nothing from outside', () => {
  const loads =
    /<(?:link|script|img|source|iframe)\b[^>]*\b(?:href|src|srcset)="((?:https?:)?\/\/[^"]*)"|url\(["']?((?:https?:)?\/\/[^)"']*)/g
  const found = [...built('.html'), ...built('.css')].flatMap((file) =>
    [...readFileSync(join(DIST, file), 'utf8').matchAll(loads)].map(
      ([, address, ofStyle]) => `${file}: ${address ?? ofStyle}`,
    ),
  )
  expect(found).toEqual([])
})

describe('in a browser', () => {
  let site: Served
  let browser: Browser

  beforeAll(async () => {
    site = await serve()
    // Debian's. Without its sandbox, which root cannot have.
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
  })

  afterAll(async () => {
    await browser?.close()
    site?.stop()
  })

  /** Wide, as a reader at a desk has it; what it asks of others or complains about is kept. */
  async function open(path: string, colorScheme: 'light' | 'dark') {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1_280, height: 900 } })
    const problems: string[] = []
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(site.url)) problems.push(request.url())
    })
    page.on('response', (response) => {
      if (!response.ok()) problems.push(`${response.status()} ${response.url()}`)
    })
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text())
    })
    page.on('pageerror', (error) => problems.push(String(error)))
    await page.goto(site.url + path)
    return { page, problems }
  }

  const read = ['/', '/values.html', '/api/@otel-cache/core/interfaces/CacheOptions.html']

  it.each(read)('%s can be read by everybody, in light and dark, and asks nobody else', async (path) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, problems } = await open(path, colorScheme)
      await page.evaluate(axe.source)
      const { violations } = await page.evaluate<AxeResults>('axe.run()')
      await page.close()
      const found = violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target}`))
      expect({ problems, found }, colorScheme).toEqual({ problems: [], found: [] })
    }
  })

  it('fits a phone and a tablet, wide tables and charts too, and shows the charts of its theme', async () => {
    for (const path of ['/', '/performance/redis_cache_benchmark.html']) {
      const { page, problems } = await open(path, 'dark')
      const widths: number[] = []
      for (const width of [390, 770]) {
        await page.setViewportSize({ width, height: 844 })
        widths.push(await page.evaluate('document.documentElement.scrollWidth'))
      }
      const inLight = await page.locator('.in-light').evaluateAll((all) => all.filter((one) => one.checkVisibility()))
      await page.close()
      expect({ problems, widths, inLight }, path).toEqual({ problems: [], widths: [390, 770], inLight: [] })
    }
  })

  it('finds what is looked for', async () => {
    const { page, problems } = await open('/', 'light')
    await page.getByRole('button', { name: 'Search' }).click()
    await page.getByRole('searchbox').fill('maxStaleness')
    await page.locator('.result').first().waitFor()
    await page.close()
    expect(problems).toEqual([])
  })
})
