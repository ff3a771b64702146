import { setTimeout as pause } from 'node:timers/promises'
import { createCache } from '@otel-cache/core'
import { startPrometheusExporter } from '@otel-cache/exporter'
import { Redis } from 'ioredis'
import type { Order, Report } from './messages.js'

interface Price {
  readonly write: number
  readonly writtenAt: number
}

/** The key that this fleet writes and reads. */
const key = process.env['PRICE'] ?? 'price'
let isStopped = false
/** The last write that this member has seen, or made. */
let seen = 0

// Before anything is waited for: an order must find its listener.
process.on('message', async (order: Order) => {
  if ('stop' in order) isStopped = true
  if ('write' in order) await write(order.write)
})
// Ctrl-C reaches the members too; the primary tells them when to stop.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {})

const exporter = await startPrometheusExporter({ cluster: true })
const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379')
redis.on('error', (error) => console.error(`Redis: ${error.message}`))
const cache = createCache({ name: 'fleet', redis, meterProvider: exporter.meterProvider, ttl: 60_000 })

const report = (message: Report) => process.send?.(message)
/** Milliseconds on a clock that all processes of a machine share. */
const now = () => Number(process.hrtime.bigint()) / 1e6

async function write(number: number): Promise<void> {
  seen = number
  const price = { write: number, writtenAt: now() }
  // False: Redis did not confirm it in time, and nobody will read it.
  while (!isStopped && !(await cache.set(key, price))) await pause(100)
}

await cache.ready()
report({ ready: true })
while (!isStopped) {
  // From memory, until Redis tells of a change.
  const price = await cache.get<Price>(key)
  if (price !== undefined && price.write > seen) {
    seen = price.write
    report({ sawWrite: seen, delay: now() - price.writtenAt, proofAge: cache.stats().proofAge ?? Number.NaN })
  }
  await pause(1)
}
await cache.close()
redis.disconnect()
await exporter.close()
process.disconnect()
