import { setTimeout as pause } from 'node:timers/promises'
import { createCache } from '@otel-cache/core'
import { startPrometheusExporter } from '@otel-cache/exporter'
import { Cluster } from 'ioredis'
import { findOrders } from './database.js'

// Some of its nodes will do: the client asks them for the others.
const addresses = process.argv[2] ?? process.env['REDIS_CLUSTER'] ?? '127.0.0.1:7000'
const ids = Array.from({ length: 12 }, (_, i) => `order ${i + 1}`)

const exporter = await startPrometheusExporter()
const redis = new Cluster(addresses.split(','))
redis.on('error', (error) => console.error(`Redis: ${error.message}`))
// Nothing else differs from a single Redis.
const cache = createCache({ name: 'orders', redis, meterProvider: exporter.meterProvider })

let isStopped = false
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    isStopped = true
  })
}

console.log(`Metrics: ${exporter.url}`)
for (let round = 1; !isStopped; round++) {
  await cache.getOrSetMany(ids, findOrders, { ttl: 60_000, tags: ['orders'] })
  const { hits, misses } = cache.stats()
  console.log(`Round ${round}: hits ${hits.memory} in memory, ${hits.redis} in Redis; misses ${misses}`)
  if (round === 1) {
    for (const master of redis.nodes('master')) {
      console.log(`${master.options.host}:${master.options.port} holds ${await master.dbsize()} keys`)
    }
  }
  if (round % 3 === 0) console.log(`Deleted by tag: ${await cache.deleteByTag('orders')}`)
  await pause(500)
}

await cache.close()
redis.disconnect()
await exporter.close()
