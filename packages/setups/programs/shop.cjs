// What the application does; how it is loaded and traced is its callers' concern. It imports nothing, so that each of
// them brings its modules the way it is meant to be tried.

/** @param {{ createServer: any, Redis: any, createCache: any, trace: any }} modules */
exports.openShop = async ({ createServer, Redis, createCache, trace }) => {
  const redis = new Redis({ host: '127.0.0.1', port: Number(process.env.REDIS_PORT) })
  redis.on('error', () => {})
  const background = []
  const options = { redis, redisTimeout: 150, waitUntil: (promise) => background.push(promise) }
  const sessions = createCache({ ...options, name: 'sessions', memory: false })
  const products = createCache({ ...options, name: 'products', maxStaleness: 60_000 })
  const prices = createCache({ ...options, name: 'prices', memory: false, ttl: 50, staleWhileRevalidate: 600_000 })
  const caches = { sessions, products, prices }
  for (const cache of Object.values(caches)) await cache.ready()

  let release = () => {}
  const held = new Promise((resolve) => {
    release = resolve
  })
  const query = async (key) => {
    trace.getTracer('database').startSpan('query').end()
    return `loaded ${key.length}`
  }
  const routes = {
    get: (cache, key) => cache.get(key),
    many: (cache, key) => cache.getMany([key, `${key}-2`, `${key}-3`]),
    set: (cache, key) => cache.set(key, 'old'),
    delete: (cache, key) => cache.delete(key),
    load: (cache, key) => cache.getOrSet(key, () => query(key)),
    held: (cache, key) => {
      const loading = cache.getOrSet(key, () => held.then(() => query(key)))
      process.send({ waiting: key })
      return loading
    },
    release: async () => release(),
    stats: (cache) => cache.stats(),
    behind: async () => (await Promise.all(background)).length,
  }

  const server = createServer(async (request, response) => {
    const [, route, cache, key] = request.url.split('/')
    const answer = await routes[route](caches[cache], key)
    response.end(JSON.stringify(answer ?? null))
  })
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))

  // The test has let go, or is gone. Nothing is ended by force: what keeps the process alive after this is a leak.
  process.once('disconnect', async () => {
    server.close()
    server.closeAllConnections()
    for (const cache of Object.values(caches)) await cache.close()
    redis.disconnect()
  })
}
