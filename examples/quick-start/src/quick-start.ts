import { setTimeout as pause } from 'node:timers/promises'
import { createCache } from '@otel-cache/core'
import { startPrometheusExporter } from '@otel-cache/exporter'
import { Redis } from 'ioredis'
import { findUser } from './database.js'

const exporter = await startPrometheusExporter()
const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379')
const cache = createCache({ name: 'users', redis, meterProvider: exporter.meterProvider })

let isStopped = false
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    isStopped = true
  })
}

console.log(`Metrics: ${exporter.url}`)
while (!isStopped) {
  const user = await cache.getOrSet('42', () => findUser('42'), { ttl: 60_000 })
  const { hits, misses } = cache.stats()
  console.log(`${user.name}: hits ${hits.memory} in memory, ${hits.redis} in Redis; misses ${misses}`)
  await pause(500)
}

await cache.close()
redis.disconnect() // it is yours: the cache leaves it open
await exporter.close()
