import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { trace } from '@opentelemetry/api'
import { createCache } from '@otel-cache/core'
import { Redis } from 'ioredis'
import { forecast } from './forecast.js'

const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379')
redis.on('error', (error) => console.error(`Redis: ${error.message}`))
// No `meterProvider`: the cache finds the global one, and where a caller is traced, its spans join the caller's.
const cache = createCache({ name: 'forecasts', redis, ttl: 600_000 })
const tracer = trace.getTracer('weather')

const server = createServer((request, response) => {
  // What `@opentelemetry/instrumentation-http` would do for you.
  tracer.startActiveSpan(`${request.method} /`, async (span) => {
    try {
      const city = request.url?.slice(1) || 'Oslo'
      const answer = await cache.getOrSet(city, () => forecast(city))
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
    } catch (error) {
      console.error(error)
      response.writeHead(500).end()
    } finally {
      span.end()
    }
  })
})
server.listen(process.env['PORT'] ?? 3000, () => {
  console.log(`Forecasts: http://localhost:${(server.address() as AddressInfo).port}/Oslo`)
})

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await new Promise((resolve) => server.close(resolve))
    await cache.close()
    redis.disconnect()
  })
}
