import { setImmediate as turn } from 'node:timers/promises'
import { createCache } from '../../../src/index.js'

/**
 * Keys without number through a cache of 10,000, in a process of its own: by every path there is, or by the plain one.
 * Prints what is left: entries, and by how much the heap has grown since a fifth of the way.
 */
const KEYS = Number(process.argv[2])
const isPlain = process.argv[3] === 'plain'
const cache = createCache({
  name: 'growth',
  memory: { maxEntries: 10_000 },
  maxConcurrentLoads: 64,
  loadTimeout: 1_000,
})
const failure = new Error('origin')

async function visit(n: number): Promise<void> {
  const key = `key ${n}`
  if (isPlain) {
    await cache.getOrSet(key, () => n)
    return
  }
  switch (n % 10) {
    case 0:
      await cache.getOrSetMany([key, `${key}b`], (keys) => [...keys], { tags: [`tag ${n}`] })
      return
    case 1:
      await cache.namespace(`view ${n}`).getOrSet(key, () => n, { tags: ['t', `tag ${n}`] })
      return
    case 2:
      await cache.getOrSet(key, () => Promise.reject(failure)).catch(() => {})
      return
    case 3: {
      await cache.set(key, n, { ttl: 0.001, staleIfError: 60_000 })
      await cache.expire(key)
      await cache.getOrSet(key, () => Promise.reject(failure)).catch(() => {})
      return
    }
    case 4: {
      const controller = new AbortController()
      const call = cache.getOrSet(key, () => new Promise(() => {}), { signal: controller.signal })
      controller.abort()
      await call.catch(() => {})
      return
    }
    case 5:
      await Promise.all([cache.getOrSet(key, () => n), cache.delete(key), cache.deleteByTag(`tag ${n}`)])
      return
    default:
      await Promise.all([cache.getOrSet(key, () => n), cache.getOrSet(key, () => n)])
  }
}

async function settledHeap(): Promise<number> {
  for (let round = 0; round < 6; round++) {
    await turn()
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

let early = 0
for (let n = 0; n < KEYS; n += 500) {
  await Promise.all(Array.from({ length: 500 }, (_, index) => visit(n + index)))
  if (n === KEYS / 5) early = await settledHeap()
}
const grown = (await settledHeap()) - early
process.stdout.write(JSON.stringify({ entries: cache.stats().entries, grown }))
