import type { AddressInfo } from 'node:net'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { createCache } from '@otel-cache/core'
import { createPrometheusReader } from '@otel-cache/exporter'
import express from 'express'
import { Redis } from 'ioredis'
import { discount, findProduct } from './database.js'

const reader = createPrometheusReader({ preventServerStart: true })
const meterProvider = new MeterProvider({ readers: [reader] })
const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379')
redis.on('error', (error) => console.error(`Redis: ${error.message}`))
// `null` stands for "no such product": it is cached as well, though not for long.
const cache = createCache({ name: 'products', redis, meterProvider, ttl: 60_000, negativeTtl: 5_000 })

const app = express()

app.get('/products/:category/:id', async (request, response) => {
  const { category, id } = request.params
  const load = () => findProduct(category, id)
  const product = await cache.getOrSet(`${category}/${id}`, load, { tags: [category], staleIfError: 600_000 })
  if (product === null) response.status(404).json({ error: `No product ${id} in ${category}` })
  else response.json(product)
})

app.post('/categories/:category/discount', async (request, response) => {
  const { category } = request.params
  await discount(category)
  // All products of the category at once. False: Redis did not confirm it, and is asked again as soon as it can be.
  const confirmed = await cache.deleteByTag(category)
  response.status(confirmed ? 200 : 202).json({ confirmed })
})

// Whoever reaches the service reaches this: keep it from the outside, or open a port with `startPrometheusExporter`.
app.get('/metrics', reader.getMetricsRequestHandler)

const server = app.listen(Number(process.env['PORT'] ?? 3000), (error) => {
  if (error) throw error
  console.log(`Products: http://localhost:${(server.address() as AddressInfo).port}/products/tea/1`)
})

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await new Promise((resolve) => server.close(resolve)) // requests under way are answered
    await cache.close()
    redis.disconnect()
    await meterProvider.shutdown()
  })
}
