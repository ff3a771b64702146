import type { AddressInfo } from 'node:net'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { createCache } from '@otel-cache/core'
import { createPrometheusReader } from '@otel-cache/exporter'
import { fastify } from 'fastify'
import { Redis } from 'ioredis'
import { findPrices, storePrice } from './database.js'

const reader = createPrometheusReader({ preventServerStart: true })
const meterProvider = new MeterProvider({ readers: [reader] })
const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379')
redis.on('error', (error) => app.log.error(error, 'Redis'))
const cache = createCache({ name: 'prices', redis, meterProvider, ttl: 60_000 })

const app = fastify()

app.get<{ Querystring: { ids: string } }>(
  '/prices',
  {
    schema: {
      querystring: {
        type: 'object',
        required: ['ids'],
        properties: { ids: { type: 'string', pattern: '^\\w+(,\\w+)*$', maxLength: 500 } },
      },
    },
  },
  async (request) => {
    const ids = request.query.ids.split(',')
    // One lookup for all of them, and one query for those that miss.
    const prices = await cache.getOrSetMany(ids, findPrices)
    return Object.fromEntries(ids.map((id, i) => [id, prices[i] ?? null]))
  },
)

app.put<{ Params: { id: string }; Body: { cents: number } }>(
  '/prices/:id',
  { schema: { body: { type: 'object', required: ['cents'], properties: { cents: { type: 'integer', minimum: 0 } } } } },
  async (request, reply) => {
    await storePrice(request.params.id, request.body.cents)
    // False: Redis did not confirm it, and is asked again as soon as it can be.
    const confirmed = await cache.delete(request.params.id)
    return reply.status(confirmed ? 200 : 202).send({ confirmed })
  },
)

// Whoever reaches the service reaches this: keep it from the outside, or open a port with `startPrometheusExporter`.
app.get('/metrics', (request, reply) => {
  reply.hijack()
  reader.getMetricsRequestHandler(request.raw, reply.raw)
})

// After the last request has been answered.
app.addHook('onClose', async () => {
  await cache.close()
  redis.disconnect()
  await meterProvider.shutdown()
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())

await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: '::' })
console.log(`Prices: http://localhost:${(app.server.address() as AddressInfo).port}/prices?ids=tea,cup`)
