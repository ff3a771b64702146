import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createCache } from '@otel-cache/core'
import { type RedisServer, startRedis } from '@otel-cache/test-servers'
import axe from 'axe-core'
import { hashSync } from 'bcryptjs'
import { Redis } from 'ioredis'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { startPrometheusExporter } from '../../src/index.js'
import { duration, percent } from '../../src/page/format.js'
import { quantile } from '../../src/page/quantile.js'
import { parseNumber } from '../../src/page/samples.js'
import { cacheOf, figures, launch, look, PATIENCE, samplesOf, shown, start, status, total } from './helpers.js'

const HOSTILE = [
  '"><img src=x onerror=alert(1)>',
  '__proto__',
  '</script><script>alert(2)</script>',
  "a\n\\'`",
  'a\rb\u2028c',
]

let browser: Browser
let redis: RedisServer
let client: Redis

beforeAll(async () => {
  ;[browser, redis] = await Promise.all([launch(), startRedis()])
  client = new Redis(redis.url, { retryStrategy: () => 50 }).on('error', () => {})
})

afterAll(async () => {
  client?.disconnect()
  await Promise.all([browser?.close(), redis?.stop()])
})

test('shows what /metrics tells of a cache, and what becomes of it when Redis goes and comes back', async () => {
  const exporter = await start()
  const cache = cacheOf(exporter, { name: 'patterns', redis: client, redisTimeout: 5_000, maxStaleness: 60_000 })
  await cache.ready()
  const page = await look(browser, exporter)
  await status(page, 'Live')
  expect(await figures(page, 'patterns')).toMatchObject({ 'Hit ratio': '–', p95: '–', Breaker: 'closed' })

  for (let call = 0; call < 100; call++) await cache.getOrSet(`key ${call % 10}`, () => call)
  const row = await shown(page, 'patterns', 'Hit ratio', /%/)
  const samples = await samplesOf(exporter, 'patterns')
  const [hits, misses] = [total(samples, 'redis_cache_hits_total'), total(samples, 'redis_cache_misses_total')]
  expect([hits, misses]).toEqual([90, 10])
  expect(row['Hit ratio']).toBe(percent(hits / (hits + misses)))
  const buckets = samples
    .filter(({ name }) => name === 'redis_cache_operation_duration_seconds_bucket')
    .filter(({ labels }) => labels.get('operation') === 'get')
    .map(({ labels, value }) => [parseNumber(labels.get('le') ?? ''), value] as const)
  expect([row['p50'], row['p95'], row['p99']]).toEqual(
    [0.5, 0.95, 0.99].map((q) => duration(quantile(q, new Map(buckets)) as number)),
  )
  expect(row).toMatchObject({
    Errors: '0/s',
    Breaker: 'closed',
    'Proof age': expect.stringMatching(/\d m?s$/),
    Memory: `${total(samples, 'redis_cache_memory_bytes')} B`,
  })
  const section = page.getByRole('region', { name: 'patterns', exact: true })
  expect(await section.getByRole('img', { name: 'Entries in memory' }).getAttribute('aria-label')).toContain('now 10,')

  await redis.kill('SIGKILL')
  const state = async () => {
    await cache.get(`unknown ${Math.random()}`)
    return cache.stats().circuit
  }
  await expect.poll(state, PATIENCE).toBe('open')
  const without = await shown(page, 'patterns', 'Breaker', /^open$/)
  expect(total(await samplesOf(exporter, 'patterns'), 'redis_cache_errors_total')).toBeGreaterThan(0)
  expect(without['Errors']).toMatch(/[1-9].*\/s$/)
  await section.getByText('breaker open').waitFor()
  await redis.restart()
  await shown(page, 'patterns', 'Breaker', /^closed$/)
})

test('shows hostile names as they are, and they do nothing', async () => {
  const exporter = await start()
  for (const name of HOSTILE) cacheOf(exporter, { name, attributes: { team: HOSTILE.join() } })
  const page = await look(browser, exporter)
  await status(page, 'Live')
  const headings = page.getByRole('heading', { level: 2 })
  expect((await headings.evaluateAll((all) => all.map((one) => one.textContent))).sort()).toEqual([...HOSTILE].sort())
  for (const name of HOSTILE) expect(await figures(page, name)).toMatchObject({ Cache: name, Memory: '0 B' })
  expect(await page.locator('img, body script').count()).toBe(0)
})

test('a user of the metrics sees no cache, then one that has no Redis, no breaker and no proof', async () => {
  const exporter = await start({ basicAuthUsers: { ada: hashSync('lovelace', 4) } })
  const page = await look(browser, exporter, { httpCredentials: { username: 'ada', password: 'lovelace' } })
  const none = page.getByText('No cache has told anything yet')
  await none.waitFor()
  cacheOf(exporter, { name: 'settings' })
  const row = await shown(page, 'settings', 'Cache', /settings/)
  expect(row).toMatchObject({ 'Hit ratio': '–', p50: '–', Errors: '0/s', Breaker: '–', 'Proof age': '–' })
  const titles = await page.getByRole('heading', { level: 3 }).allTextContents()
  expect(titles).toEqual(['Hit ratio', 'Throughput', 'Latency of get', 'Errors', 'Memory', 'Entries in memory'])
  expect(await none.isVisible()).toBe(false)
})

test('a port that fails, goes and comes back: the page says so, and keeps what it has', async () => {
  const exporter = await startPrometheusExporter({ port: 0 })
  const { port } = exporter.address()
  const cache = createCache({ name: 'settings', meterProvider: exporter.meterProvider })
  for (let key = 0; key < 50; key++) await cache.getOrSet(`key ${key}`, () => key)
  const page = await look(browser, exporter)
  await status(page, 'Live')
  let isBroken = true
  const broken = exporter.meterProvider.getMeter('broken').createObservableGauge('broken')
  broken.addCallback(() => {
    if (isBroken) throw new Error('no value')
  })
  await page.clock.runFor(2_000)
  await status(page, 'The port answers 503: the metrics could not be collected')
  isBroken = false
  await page.clock.runFor(2_000)
  await status(page, 'Live')
  const { Memory } = await figures(page, 'settings')

  await Promise.all([cache.close(), exporter.close()])
  await page.clock.runFor(2_000)
  await status(page, 'The port does not answer. Trying again.')
  expect(await figures(page, 'settings')).toMatchObject({ Memory })
  const again = await start({ port })
  await cacheOf(again, { name: 'settings' }).get('absent')
  // All counters have begun anew: a rate of what has been counted since, none below 0.
  expect(await shown(page, 'settings', 'Memory', /^0 B$/)).toMatchObject({ 'Hit ratio': '0.0 %' })
  await status(page, 'Live')
})

test('a proxy that answers with a page of its own is not taken for the port', async () => {
  const exporter = await start()
  let inBetween: number | undefined
  const proxy = createServer((asked, answered) => {
    if (inBetween !== undefined) {
      answered.writeHead(inBetween, { 'Content-Type': 'text/html' }).end('<p>Who are you?</p>')
      return
    }
    request(new URL(asked.url ?? '', exporter.url), { headers: asked.headers }, (answer) => {
      answer.pipe(answered.writeHead(answer.statusCode ?? 0, answer.headers))
    }).end()
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => proxy.close().closeAllConnections())
  const { port } = proxy.address() as AddressInfo
  const page = await look(browser, { ...exporter, url: `http://127.0.0.1:${port}/metrics` })
  await status(page, 'Live')
  for (inBetween of [200, 502]) {
    await page.clock.runFor(2_000)
    await status(page, `The port answers ${inBetween}: something in between answers for it. Trying again.`)
  }
  inBetween = undefined
  await page.clock.runFor(2_000)
  await status(page, 'Live')
})

test('asks for nothing while it is hidden or paused', async () => {
  const exporter = await start()
  const page = await look(browser, exporter)
  await status(page, 'Live')
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  const hide = (isHidden: boolean) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }, isHidden)
  await hide(true)
  asked.length = 0
  await page.clock.runFor(60_000)
  expect(asked).toEqual([])
  const answered = page.waitForEvent('requestfinished')
  await hide(false)
  await answered
  expect(new Set(asked)).toEqual(new Set([exporter.url]))

  const pause = page.getByRole('button', { name: 'Pause' })
  await pause.press('Space')
  await status(page, 'Paused')
  asked.length = 0
  await page.clock.runFor(60_000)
  expect(asked).toEqual([])
  await pause.press('Space')
  await status(page, 'Live')
  expect(new Set(asked)).toEqual(new Set([exporter.url]))
})

test('can be used by everybody: in light and dark, by keyboard, with what axe looks for, narrow and wide', async () => {
  const exporter = await start()
  for (const name of ['settings', 'x'.repeat(200)]) await cacheOf(exporter, { name }).get('absent')
  const page = await look(browser, exporter, { reducedMotion: 'reduce' })
  await status(page, 'Live')

  const stops: string[] = []
  for (let stop = 0; stop < 7; stop++) {
    await page.keyboard.press('Tab')
    const { name, outline } = await page.evaluate(() => {
      const focused = document.activeElement as HTMLElement
      const { outlineStyle, outlineWidth } = getComputedStyle(focused)
      return {
        name: focused.ariaLabel ?? (focused.id || focused.textContent),
        outline: `${outlineStyle} ${outlineWidth}`,
      }
    })
    expect([name, outline]).toEqual([name, 'solid 2px'])
    stops.push(name)
  }
  const caches = ['All caches now', 'settings', 'x'.repeat(200), 'settings']
  expect(stops).toEqual(['Skip to the figures', 'operation', 'pause', ...caches])
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  const table = page.getByRole('region', { name: 'Figures of settings' })
  await expect.poll(() => table.locator('tbody tr').count(), PATIENCE).toBeGreaterThan(0)
  await page.getByRole('combobox').selectOption('set')
  await page.getByRole('heading', { name: 'Latency of set' }).first().waitFor()

  await page.evaluate(axe.source)
  for (const [colorScheme, expected] of [
    ['light', 'rgb(246, 247, 249)'],
    ['dark', 'rgb(16, 19, 22)'],
  ] as const) {
    await page.emulateMedia({ colorScheme })
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(expected)
    const { violations } = await page.evaluate<{ violations: unknown[] }>('axe.run()')
    expect(violations).toEqual([])
  }

  for (const width of [360, 1_600]) {
    await page.setViewportSize({ width, height: 800 })
    const plots = page.locator('.chart:not([hidden]) canvas')
    // Each chart fills its card, once it has been told of its new size.
    const doFit = () =>
      plots.evaluateAll((all) =>
        all.every((plot) => {
          const share = plot.clientWidth / (plot.closest('.chart')?.clientWidth ?? 0)
          return share > 0.85 && share < 1
        }),
      )
    await expect.poll(doFit, PATIENCE).toBe(true)
    const { clientWidth, scrollWidth } = await page.evaluate(() => {
      const { clientWidth, scrollWidth } = document.documentElement
      return { clientWidth, scrollWidth }
    })
    expect(scrollWidth).toBe(clientWidth)
  }
})
