import { createCache } from '../../../src/index.js'

/** Leaves everything open that a cache can have open, and ends by itself. Prints once all of it is under way. */
const hang = (): Promise<never> => new Promise(() => {})

const cache = createCache({
  name: 'exit',
  loadTimeout: 3_600_000,
  softLoadTimeout: 3_600_000,
  staleIfError: 3_600_000,
  maxConcurrentLoads: 2,
  earlyRefresh: true,
})
await cache.set('stale', 1, { ttl: 60_000, staleWhileRevalidate: 3_600_000 })
await cache.set('soft', 1, { ttl: 60_000, staleIfError: 3_600_000 })
await cache.expire('stale')
await cache.expire('soft')
await cache.getOrSet('stale', hang)
const open = [
  cache.getOrSet('hangs', hang),
  cache.getOrSet('queued', hang),
  cache.getOrSet('soft', hang),
  cache.getOrSetMany(['a', 'b'], hang),
  cache.getOrSet('signal', hang, { signal: new AbortController().signal }),
]
await new Promise((resolve) => setImmediate(resolve))
process.stdout.write(JSON.stringify({ open: open.length, loads: cache.stats().loads }))
