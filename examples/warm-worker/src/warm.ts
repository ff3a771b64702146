import { Redis } from 'ioredis'
import { createArticleCache } from './articles.js'
import { findArticles, popularIds } from './database.js'

const BATCH = 250

const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379')
redis.on('error', (error) => console.error(`Redis: ${error.message}`))
// For Redis alone, and with patience: no user waits here.
const cache = createArticleCache({ redis, memory: false, redisTimeout: 5_000 })

let isStopped = false
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    isStopped = true
  })
}

try {
  await cache.ready({ timeout: 3_000 })
  const ids = await popularIds()
  let done = 0
  while (done < ids.length && !isStopped) {
    // Loads just what is missing, and unlike `setMany` it stores nothing that was changed while it was read.
    const articles = await cache.getOrSetMany(ids.slice(done, done + BATCH), findArticles)
    done += articles.length
    console.log(`${done} of ${ids.length}`)
  }
  const { hits, misses, errors } = cache.stats()
  const end = isStopped ? 'Stopped' : 'Warm'
  console.log(`${end}: ${done} of ${ids.length}, ${misses} loaded, ${hits.redis} were there, ${errors} errors`)
  // What could not be stored is loaded by the next run, or by the service when it is asked for.
  if (errors > 0) process.exitCode = 1
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  await cache.close()
  redis.disconnect()
}
