import { createCache } from '@otel-cache/core'
import { startPrometheusExporter } from '@otel-cache/exporter'
import { Redis } from 'ioredis'
import { findUser } from './database.js'

const exporter = await startPrometheusExporter()
const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379')
const cache = createCache({ name: 'users', redis, meterProvider: exporter.meterProvider })

console.log(`Metrics: ${exporter.url}`)
const timer = setInterval(async () => {
  const user = await cache.getOrSet('42', () => findUser('42'), { ttl: 60_000 })
  const { hits, misses } = cache.stats()
  console.log(`${user.name}: hits ${hits.memory} in memory, ${hits.redis} in Redis; misses ${misses}`)
}, 500)

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    clearInterval(timer)
    await cache.close()
    redis.disconnect()
    await exporter.close()
  })
}
