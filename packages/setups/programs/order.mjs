// When the SDK is registered, relative to `createCache`: before, after, again, or twice.
import { context, metrics, trace } from '@opentelemetry/api'
import { createCache } from '@otel-cache/core'
import { Redis } from 'ioredis'
import { request, startSdk } from './sdk.mjs'

const redis = new Redis({ host: '127.0.0.1', port: Number(process.env.REDIS_PORT) })
const makeCache = () => createCache({ name: 'ordered', redis, memory: false })
/** Two misses and a hit. */
const use = (cache) =>
  request(async () => {
    await cache.get('absent')
    await cache.getOrSet('key', () => 1, { refresh: true })
    await cache.get('key')
  })

const orders = {
  before: async () => {
    const sdk = await startSdk()
    const cache = makeCache()
    await use(cache)
    return { cache, first: await sdk.told(), sdks: [sdk] }
  },
  after: async () => {
    const cache = makeCache()
    await use(cache)
    const sdk = await startSdk()
    await use(cache)
    return { cache, first: await sdk.told(), sdks: [sdk] }
  },
  // Ended and begun anew in one process, as a reload in development does it.
  again: async () => {
    const one = await startSdk()
    const cache = makeCache()
    await use(cache)
    const first = await one.told()
    await one.shutdown()
    for (const api of [metrics, trace, context]) api.disable()
    const other = await startSdk()
    await use(cache)
    await use(cache)
    return { cache, first, second: await other.told(), sdks: [other] }
  },
  // The api refuses the second one: all goes on with the first.
  twice: async () => {
    const one = await startSdk()
    const cache = makeCache()
    await use(cache)
    const other = await startSdk()
    await use(cache)
    return { cache, first: await one.told(), second: await other.told(), sdks: [one, other] }
  },
}

const { cache, sdks, ...told } = await orders[process.argv[2]]()
process.send({ told })
await cache.close()
await redis.quit()
for (const sdk of sdks) await sdk.shutdown()
