import { type Cache, type CacheOptions, createCache } from '@otel-cache/core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import { type PrometheusExporter, type PrometheusPortOptions, startPrometheusExporter } from '../../src/index.js'
import { parseSamples, type Sample } from '../../src/page/samples.js'
import { ask } from '../helpers.js'

/** Of what is waited for, on machines that may be slow. */
export const PATIENCE = { timeout: 20_000, interval: 20 }

/** Debian's. Without its sandbox, which root cannot have. It ends when this process does. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
}

export async function start(options: PrometheusPortOptions = {}): Promise<PrometheusExporter> {
  const exporter = await startPrometheusExporter({ port: 0, ...options })
  onTestFinished(() => exporter.close())
  return exporter
}

export function cacheOf({ meterProvider }: PrometheusExporter, options: CacheOptions): Cache {
  const cache = createCache({ meterProvider, ...options })
  onTestFinished(async () => void (await cache.close()))
  return cache
}

/**
 * Opens the page of the port; its clock runs on when it is told to as well. Fails the test when the page asks anybody
 * else, reports an error, breaks its own policy or opens a dialogue.
 */
export async function look(
  browser: Browser,
  { url }: PrometheusExporter,
  options?: BrowserContextOptions,
): Promise<Page> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const problems: string[] = []
  onTestFinished(async () => {
    await context.close()
    expect(problems).toEqual([])
  })
  const { origin } = new URL(url)
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin && request.url() !== 'data:,') problems.push(request.url())
  })
  page.on('console', (message) => {
    // What the port does not answer well is told by the browser itself.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load')) problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(String(error)))
  page.on('dialog', (dialog) => problems.push(dialog.message()))
  await page.clock.install()
  await page.goto(new URL('/', url).href)
  return page
}

export async function status(page: Page, text: string): Promise<void> {
  await page.getByRole('status').filter({ hasText: text }).waitFor()
}

/** The row of a cache in the overview, by the heads of its columns. */
export function figures(page: Page, cache: string): Promise<Record<string, string>> {
  return page.evaluate((name) => {
    const texts = (row: Element) => Array.from(row.children, ({ textContent }) => textContent)
    const [heads = [], ...rows] = Array.from(document.querySelectorAll('#overview tr'), texts)
    const row = rows.find(([first]) => first === name) ?? []
    return Object.fromEntries(heads.map((head, index) => [head, row[index] ?? '']))
  }, cache)
}

/** Has the page ask again until the overview has this text in this column; returns the whole row of that moment. */
export async function shown(page: Page, cache: string, column: string, text: RegExp): Promise<Record<string, string>> {
  let row: Record<string, string> = {}
  const asked = async () => {
    const updated = page.locator('#updated')
    const before = await updated.textContent()
    await page.clock.runFor(2_000)
    await expect.poll(() => updated.textContent(), PATIENCE).not.toBe(before)
    row = await figures(page, cache)
    return row[column]
  }
  await expect.poll(asked, PATIENCE).toMatch(text)
  return row
}

/** What the port tells of a cache. */
export async function samplesOf({ url }: PrometheusExporter, cache: string): Promise<Sample[]> {
  const samples = parseSamples((await ask(url)).body, 'redis_cache_')
  return samples.filter(({ labels }) => labels.get('cache') === cache)
}

export function total(samples: readonly Sample[], name: string): number {
  return samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0)
}
