import { type Cache, type CacheOptions, createCache } from '@otel-cache/core'
import { startPrometheusExporter } from '@otel-cache/exporter'
import { Redis } from 'ioredis'
import { Origin } from './origin.js'

/** The pattern service: an origin behind a cache over a real Redis, whose metrics go to a Prometheus port. */
export interface Service {
  readonly cache: Cache
  readonly origin: Origin
  readonly redis: Redis
  readonly metricsUrl: string
  ask(pattern: string): Promise<unknown>
}

/** The same seed makes the same waits of the origin. */
interface ServiceOptions extends Pick<CacheOptions, 'name' | 'memory'> {
  readonly redisUrl: string
  readonly seed: number
}

/** Opens a service of its own, with the default options but for those given, hands it over, and closes it. */
export async function withService<T>(
  { redisUrl, seed, ...options }: ServiceOptions,
  use: (service: Service) => Promise<T>,
): Promise<T> {
  const redis = new Redis(redisUrl)
  const exporter = await startPrometheusExporter({ port: 0 })
  const cache = createCache({ ...options, redis, meterProvider: exporter.meterProvider })
  const origin = new Origin(seed)
  const ask = (pattern: string): Promise<unknown> => cache.getOrSet(pattern, () => origin.ask(pattern))
  try {
    await cache.ready()
    return await use({ cache, origin, redis, metricsUrl: exporter.url, ask })
  } finally {
    await cache.close()
    await exporter.close()
    redis.disconnect()
  }
}
