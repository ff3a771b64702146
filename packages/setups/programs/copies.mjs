// Two copies of the api in one process: the application's, which the SDK is on, and a library's.
import { metrics, trace } from '@opentelemetry/api'
import { createCache } from '@otel-cache/core'
import { Redis } from 'ioredis'
import * as library from 'library'
import { request, startSdk } from './sdk.mjs'

const redis = new Redis({ host: '127.0.0.1', port: Number(process.env.REDIS_PORT) })
const sdk = await startSdk()
const options = { redis, memory: false }
const providers = { meterProvider: metrics.getMeterProvider(), tracerProvider: trace.getTracerProvider() }
const caches = [
  createCache({ ...options, name: 'application' }),
  // Of the library's own copy of the core, which sees the library's api.
  library.createCache({ ...options, name: 'foreign' }),
  library.createCache({ ...options, name: 'given', ...providers }),
]
const answers = []
for (const cache of caches) {
  await request(() =>
    library.work(async () => {
      await cache.set('key', cache.name)
      answers.push(await cache.get('key'))
    }),
  )
}
process.send({ answers })
process.send({ told: await sdk.told() })
for (const cache of caches) await cache.close()
await redis.quit()
await sdk.shutdown()
