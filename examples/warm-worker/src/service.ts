import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startPrometheusExporter } from '@otel-cache/exporter'
import { Redis } from 'ioredis'
import { createArticleCache } from './articles.js'
import { findArticles } from './database.js'

const exporter = await startPrometheusExporter()
const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379')
redis.on('error', (error) => console.error(`Redis: ${error.message}`))
const cache = createArticleCache({ redis, meterProvider: exporter.meterProvider })

const server = createServer(async (request, response) => {
  const [, ids] = /^\/(\d+(?:,\d+)*)$/.exec(request.url ?? '') ?? []
  try {
    if (ids === undefined) return void response.writeHead(404).end()
    const articles = await cache.getOrSetMany(ids.split(','), findArticles)
    response.setHeader('content-type', 'application/json').end(JSON.stringify(articles))
  } catch (error) {
    console.error(error)
    response.writeHead(500).end()
  }
})
server.listen(process.env['PORT'] ?? 3000, () => {
  console.log(`Metrics: ${exporter.url}`)
  console.log(`Articles: http://localhost:${(server.address() as AddressInfo).port}/1,2,3`)
})

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await new Promise((resolve) => server.close(resolve))
    await cache.close()
    redis.disconnect()
    await exporter.close()
  })
}
