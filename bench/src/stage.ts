import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { type Cache, type CacheOptions, type CacheStats, createCache } from '@otel-cache/core'
import { createPrometheusReader, type PrometheusExporter, startPrometheusExporter } from '@otel-cache/exporter'
import { Redis } from 'ioredis'

/** What every lookup of a cache should come to while it is measured. */
export type Expecting = 'hits' | 'misses' | 'no lookups'

type StagedOptions = Pick<CacheOptions, 'redis' | 'memory' | 'compression' | 'encryption'>

interface StagedCache {
  readonly cache: Cache
  readonly metered: boolean
  readonly expecting: Expecting
  /** What it had counted when the measuring began. */
  before: CacheStats
}

/** What one case stands on while it is measured: a cache with a name of its own, a client, a Prometheus port. */
export class Stage {
  readonly #redisUrl: string
  readonly #exporter: PrometheusExporter
  readonly #clients: Redis[] = []
  readonly #caches: StagedCache[] = []

  private constructor(redisUrl: string, exporter: PrometheusExporter) {
    this.#redisUrl = redisUrl
    this.#exporter = exporter
  }

  static async open(redisUrl: string): Promise<Stage> {
    return new Stage(redisUrl, await startPrometheusExporter({ port: 0 }))
  }

  /** A client of its own, connected, with the library's default options unless given. */
  async redis(options: { protocol?: 2 } = {}): Promise<Redis> {
    const client = new Redis(this.#redisUrl, { ...options, lazyConnect: true })
    this.#clients.push(client)
    await client.connect()
    return client
  }

  /** A cache with a name, and so a key prefix, of its own. Default options, unless given. */
  cache(options: StagedOptions, metered: boolean, expecting: Expecting): Cache {
    const name = `bench-${process.pid}-${this.#caches.length}`
    const cache = createCache({ ...options, name, ...(metered && { meterProvider: this.#exporter.meterProvider }) })
    this.#caches.push({ cache, metered, expecting, before: cache.stats() })
    return cache
  }

  /** A provider of its own with so many Prometheus readers. They listen nowhere that matters. */
  meterProvider(readers: number): MeterProvider {
    return new MeterProvider({ readers: Array.from({ length: readers }, () => createPrometheusReader({ port: 0 })) })
  }

  /** A cache in memory on a provider of its own, or on none. */
  cacheOn(meterProvider: MeterProvider | undefined, options: Pick<CacheOptions, 'histograms'>): Cache {
    return createCache({ ...options, name: `bench-${process.pid}`, ...(meterProvider && { meterProvider }) })
  }

  /**
   * A cache to be hit. It is filled as applications fill theirs, by reading through: if a load changes anything for the
   * whole process, as the first use of Node's `AsyncLocalStorage` does for every `await`, the figures should show it.
   */
  async filledCache(
    keys: readonly string[],
    documentOf: (id: number) => unknown,
    options: StagedOptions,
    metered: boolean,
  ): Promise<Cache> {
    const cache = this.cache(options, metered, 'hits')
    for (const [id, key] of keys.entries()) await cache.getOrSet(key, () => documentOf(id))
    return cache
  }

  /** What a value takes in Redis, on average, where its caches have filled it. */
  async storedBytes(): Promise<number | undefined> {
    const [client] = this.#clients
    const [staged] = this.#caches
    if (client === undefined || staged === undefined) return undefined
    const names = await client.keys(`${staged.cache.name}:v:*`)
    const sizes = await Promise.all(names.map((name) => client.strlen(name)))
    return sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size) / sizes.length
  }

  /** All is filled, and the measuring begins. */
  begin(): void {
    for (const staged of this.#caches) staged.before = staged.cache.stats()
  }

  /** Whether what was measured is what was meant: no errors, hits where hits belong, and metered ones in the scrape. */
  async complaints(): Promise<string[]> {
    const response = await fetch(this.#exporter.url)
    const scrape = await response.text()
    return this.#caches.flatMap(({ cache, metered, expecting, before }) => {
      const now = cache.stats()
      const all = hitsOf(now) + now.misses
      const told = total(scrape, 'redis_cache_hits_total', cache) + total(scrape, 'redis_cache_misses_total', cache)
      const errors = now.errors - before.errors
      const hits = hitsOf(now) - hitsOf(before)
      const misses = now.misses - before.misses
      const complaints = []
      if (errors > 0) complaints.push(`${errors} errors`)
      if (hits > 0 && expecting !== 'hits') complaints.push(`${hits} hits, expecting ${expecting}`)
      if (misses > 0 && expecting !== 'misses') complaints.push(`${misses} misses, expecting ${expecting}`)
      if (told !== (metered ? all : 0)) complaints.push(`${all} lookups, of which the port told ${told}`)
      return complaints
    })
  }
}

function hitsOf({ hits }: CacheStats): number {
  return hits.memory + hits.redis
}

/** The sum of a counter over all its series of one cache. */
function total(scrape: string, counter: string, { name }: Cache): number {
  return scrape
    .split('\n')
    .filter((line) => line.startsWith(`${counter}{`) && line.includes(`cache="${name}"`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf('}') + 1)), 0)
}
