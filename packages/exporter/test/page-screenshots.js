// Makes docs/monitoring/page-light.png and page-dark.png: caches under traffic for a minute, in the middle of which their
// Redis is away. After `pnpm build`: `node packages/exporter/test/page-screenshots.js`
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createCache } from '@otel-cache/core'
import { startPrometheusExporter } from '@otel-cache/exporter'
import { startRedis } from '@otel-cache/test-servers'
import { Redis } from 'ioredis'
import { chromium } from 'playwright-core'

const SECONDS = 75
const docs = new URL('../../../docs/monitoring/', import.meta.url)

const [redis, exporter] = await Promise.all([startRedis(), startPrometheusExporter({ port: 0 })])
const client = new Redis(redis.url, { retryStrategy: () => 200 }).on('error', () => {})
const { meterProvider } = exporter
const caches = [
  createCache({ name: 'patterns', redis: client, meterProvider, timeMemoryHits: true }),
  createCache({ name: 'sessions', redis: client, meterProvider, memory: false }),
  createCache({ name: 'settings', meterProvider }),
]
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })

/** Most callers want the same few keys, as everywhere. */
async function traffic(cache, keys, end) {
  while (performance.now() < end) {
    for (let call = 0; call < 20 + 20 * Math.random(); call++) {
      const key = Math.floor(keys * Math.random() ** 4)
      await cache.getOrSet(`key ${key}`, () => ({ key }), { ttl: 20_000 })
    }
    await pause(100)
  }
}

async function outage() {
  await pause(SECONDS * 550)
  await redis.kill('SIGKILL')
  await pause(SECONDS * 120)
  await redis.restart()
}

try {
  await Promise.all(caches.map((cache) => cache.ready()))
  const pages = await Promise.all(
    ['light', 'dark'].map(async (colorScheme) => {
      const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 900 } })
      await page.goto(new URL('/', exporter.url).href)
      return { page, path: fileURLToPath(new URL(`page-${colorScheme}.png`, docs)) }
    }),
  )
  const end = performance.now() + SECONDS * 1_000
  await Promise.all([...caches.map((cache, index) => traffic(cache, 2_000 / (index + 1), end)), outage()])
  for (const { page, path } of pages) await page.screenshot({ path })
} finally {
  await browser.close()
  await Promise.all(caches.map((cache) => cache.close()))
  client.disconnect()
  await Promise.all([exporter.close(), redis.stop()])
}
