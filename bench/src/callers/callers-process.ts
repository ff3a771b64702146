import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createCache } from '@otel-cache/core'
import { startPrometheusExporter } from '@otel-cache/exporter'
import { Redis } from 'ioredis'
import { serve } from '../child.js'
import { inTurn, manyKeys, smallDocument, TTL } from '../documents.js'
import type { Measured, Order } from './client.js'

const WARM_UP: Order = { callers: 64, duration: 700 }
/** More than callers: nobody asks for another's. */
const KEYS = 1_024
const NS_PER_MS = 1e6

const [name = ''] = process.argv.slice(2)
let measureGets: ((order: Order) => Promise<Measured>) | undefined

/** The process of one client. */
const tasks = {
  /** Prepares it and warms it up. */
  async open(redisUrl: string): Promise<void> {
    const redis = new Redis(redisUrl, { enableAutoPipelining: name.includes('auto-pipelining') })
    const get = name.startsWith('otel-cache') ? await cached(redis, name.includes('metered')) : await bare(redis)
    measureGets = (order) => measure(redis, get, order)
    await measureGets(WARM_UP)
  },

  measure(order: Order): Promise<Measured> {
    if (measureGets === undefined) throw new Error('nothing is open')
    return measureGets(order)
  },
}

export type CallersTasks = typeof tasks

async function bare(redis: Redis): Promise<() => Promise<unknown>> {
  const keys = manyKeys(`callers-${process.pid}:`, KEYS)
  for (const [id, key] of keys.entries()) await redis.set(key, JSON.stringify(smallDocument(id)), 'PX', TTL)
  const key = inTurn(keys)
  return async () => JSON.parse((await redis.get(key())) as string)
}

async function cached(redis: Redis, isMetered: boolean): Promise<() => Promise<unknown>> {
  const exporter = isMetered ? await startPrometheusExporter({ port: 0 }) : undefined
  const meterProvider = exporter?.meterProvider
  const options = { name: `callers-${process.pid}`, redis, memory: false } as const
  const cache = createCache({ ...options, ...(meterProvider && { meterProvider }) })
  const keys = manyKeys('', KEYS)
  for (const [id, key] of keys.entries()) await cache.getOrSet(key, () => smallDocument(id))
  const key = inTurn(keys)
  return () => cache.get(key())
}

/** `stream` is a member that ioredis does not declare for others. */
async function measure(redis: Redis, get: () => Promise<unknown>, { callers, duration }: Order): Promise<Measured> {
  const { stream } = redis as unknown as { stream: { bytesWritten: number; bytesRead: number } }
  const before = { written: stream.bytesWritten, read: stream.bytesRead }
  const delay = monitorEventLoopDelay({ resolution: 1 })
  let gets = 0
  const started = performance.now()
  const until = started + duration
  const caller = async (): Promise<void> => {
    do {
      if ((await get()) === undefined) throw new Error('a get found nothing')
      gets += 1
    } while (performance.now() < until)
  }
  delay.enable()
  await Promise.all(Array.from({ length: callers }, caller))
  const elapsed = performance.now() - started
  delay.disable()
  return {
    throughput: (gets / elapsed) * 1_000,
    delay: delay.percentile(99) / NS_PER_MS,
    written: (stream.bytesWritten - before.written) / gets,
    read: (stream.bytesRead - before.read) / gets,
  }
}

serve(tasks)
