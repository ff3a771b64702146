import { Redis } from 'ioredis'
import { createCache } from '../../../src/index.js'

/** Makes a cache over Redis, uses it, quits its client and forgets to close the cache. It is to end by itself. */
const client = new Redis(Number(process.argv[2]))
const cache = createCache({ name: 'forgetful', redis: client, redisTimeout: 10_000 })
await cache.ready()
const isSet = await cache.set('k', 1)
const value = await cache.getOrSet('other', () => 2)
await client.quit()
process.stdout.write(JSON.stringify({ isSet, value }))
