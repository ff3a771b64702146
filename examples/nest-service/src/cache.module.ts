import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common'
import { type Cache, createCache } from '@otel-cache/core'
import { type PrometheusExporter, startPrometheusExporter } from '@otel-cache/exporter'
import { Redis } from 'ioredis'

/** What others inject: `@Inject(CACHE) cache: Cache`. */
export const CACHE: symbol = Symbol('cache')
const EXPORTER = Symbol('exporter')

@Module({
  providers: [
    {
      provide: EXPORTER,
      useFactory: async () => {
        const exporter = await startPrometheusExporter()
        console.log(`Metrics: ${exporter.url}`)
        return exporter
      },
    },
    {
      provide: Redis,
      useFactory: () => {
        const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379')
        return redis.on('error', (error) => console.error(`Redis: ${error.message}`))
      },
    },
    {
      provide: CACHE,
      inject: [EXPORTER, Redis],
      useFactory: ({ meterProvider }: PrometheusExporter, redis: Redis) =>
        createCache({ name: 'users', redis, meterProvider, ttl: 60_000 }),
    },
  ],
  exports: [CACHE],
})
export class CacheModule implements OnApplicationShutdown {
  constructor(
    @Inject(CACHE) private readonly cache: Cache,
    @Inject(Redis) private readonly redis: Redis,
    @Inject(EXPORTER) private readonly exporter: PrometheusExporter,
  ) {}

  /** Comes after the last request has been answered. */
  async onApplicationShutdown(): Promise<void> {
    await this.cache.close()
    this.redis.disconnect()
    await this.exporter.close()
  }
}
