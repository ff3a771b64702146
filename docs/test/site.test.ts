import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import axe, { type AxeResults } from 'axe-core'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { slugify } from '../.vitepress/markdown.js'
import { SECTIONS } from '../.vitepress/pages.js'
import { REPOSITORY_ROOT } from '../.vitepress/paths.js'
import { wrongPages } from '../.vitepress/sidebar.js'
import { pages } from './support/blocks.js'
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

it('has no dead link, and no dead anchor', () => {
  const ids = new Map(built('.html').map((page) => [page, new Set(attributes(page, 'id'))]))
  const dead = [...ids.keys()].flatMap((page) =>
    [...new Set(attributes(page, 'href'))]
      .filter((href) => {
        if (/^[a-z]+:/i.test(href)) return false
        const { pathname, hash } = new URL(href, `http://site${page}`)
        const path = decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname)
        if (!existsSync(join(DIST, path))) return true
        return hash !== '' && !ids.get(path)?.has(decodeURIComponent(hash.slice(1)))
      })
      .map((href) => `${page}: ${href}`),
  )
  expect(dead).toEqual([])
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

it('has the links of the READMEs lead somewhere', () => {
  const dead = pages()
    .filter((page) => !page.startsWith('docs/'))
    .flatMap((page) =>
      linksOf(page)
        .filter((href) => !leads(page, href))
        .map((href) => `${page}: ${href}`),
    )
  expect(dead).toEqual([])
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

  const looked = [
    '/',
    '/values.html',
    '/performance/redis_cache_benchmark.html',
    '/api/@otel-cache/core/interfaces/CacheOptions.html',
  ]

  it.each(looked)(
    '%s can be read by everybody: in light and dark, wide and narrow, and asks nobody else',
    async (path) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const page = await browser.newPage({ colorScheme, viewport: { width: 1_280, height: 900 } })
        const problems: string[] = []
        page.on('request', (request) => {
          if (!request.url().startsWith(site.url) && !request.url().startsWith('data:')) problems.push(request.url())
        })
        page.on('response', (response) => {
          if (!response.ok()) problems.push(`${response.status()} ${response.url()}`)
        })
        page.on('console', (message) => {
          if (message.type() === 'error') problems.push(message.text())
        })
        page.on('pageerror', (error) => problems.push(String(error)))
        await page.goto(site.url + path)
        await page.evaluate(axe.source)
        const { violations } = await page.evaluate<AxeResults>('axe.run()')
        await page.setViewportSize({ width: 390, height: 844 })
        const width = await page.evaluate(() => document.documentElement.scrollWidth)
        await page.close()
        const found = violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target}`))
        expect({ problems, found, width }, colorScheme).toEqual({ problems: [], found: [], width: 390 })
      }
    },
  )
})

function attributes(page: string, name: string): string[] {
  const html = readFileSync(join(DIST, page), 'utf8').replace(/<script[\s\S]*?<\/script>/g, '')
  return [...html.matchAll(new RegExp(`\\s${name}="([^"]*)"`, 'g'))].map(([, value = '']) =>
    value.replaceAll('&amp;', '&'),
  )
}

/** Without what stands in code. */
function linksOf(page: string): string[] {
  const text = readFileSync(join(REPOSITORY_ROOT, page), 'utf8').replace(
    /^```[\s\S]*?^```|^ {4}.*|`[^`\n]*`/gm,
    '`code`',
  )
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, href = '']) => href)
}

function leads(page: string, href: string): boolean {
  if (/^[a-z]+:/i.test(href)) return true
  const [path = '', anchor] = href.split('#')
  const target = path === '' ? page : posix.join(dirname(page), path)
  if (!existsSync(join(REPOSITORY_ROOT, target))) return false
  return anchor === undefined || !target.endsWith('.md') || anchorsOf(target).has(anchor)
}

function anchorsOf(page: string): Set<string> {
  const text = readFileSync(join(REPOSITORY_ROOT, page), 'utf8').replace(/^```[\s\S]*?^```/gm, '')
  return new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slugify(heading)))
}
