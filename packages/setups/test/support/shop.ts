import { type RedisServer, startRedis } from '@otel-cache/test-servers'
import { expect } from 'vitest'
import { Application } from './application.js'
import { type Collector, startCollector } from './collector.js'
import { parsePrometheus, prometheusTypes, type Series } from './metrics.js'

/** Keys have this in them, so that a key that gets out is seen. */
export const SECRET = 'secret'

export interface Visit {
  readonly collector: Collector
  readonly scraped: Series
  readonly types: ReadonlyMap<string, string>
  /** How many calls met a Redis that did not answer. */
  readonly unavailable: number
}

/**
 * Runs the shop as an application is run, visits it so that all happens that can happen to a call, and ends it.
 * The visitor is the test: what it was answered is the record that metrics and spans are held against.
 */
export async function visitShop(options: {
  folder: string
  program: string
  nodeArgs: string[]
  node?: string
  env?: NodeJS.ProcessEnv
}): Promise<Visit> {
  const [redis, collector] = await Promise.all([startRedis(), startCollector()])
  const env = {
    REDIS_PORT: String(redis.port),
    OTEL_SERVICE_NAME: 'shop',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_LOGS_EXPORTER: 'none',
    ...options.env,
  }
  const application = new Application(options.folder, options.program, { ...options, env })
  try {
    const { port } = await application.message<{ port: number }>('metrics')
    const visitor = new Visitor(application, await application.message<number>('port'), redis)
    const unavailable = await visitor.visit()
    const scrape = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const text = await agreed(scrape, collector)
    expect(await application.end()).toBe(0)
    // Spans, and the last counts, arrive while it ends.
    expectSame(steady(collector.metrics.series), steady(parsePrometheus(text)))
    expect(application.output).toBe('')
    return { collector, scraped: parsePrometheus(text), types: prometheusTypes(text), unavailable }
  } finally {
    await application.kill()
    await Promise.all([redis.stop(), collector.stop()])
  }
}

/** A scrape, and an export begun after it, that tell the same of all that does not change by itself. */
async function agreed(scrape: () => Promise<string>, collector: Collector): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const text = await scrape()
    const { exports } = collector.metrics
    // The first of them may have begun before the scrape.
    await expect.poll(() => collector.metrics.exports, { timeout: 20_000 }).toBeGreaterThanOrEqual(exports + 2)
    try {
      expectSame(collector.metrics.series, parsePrometheus(text))
      return text
    } catch (error) {
      if (attempt === 3) throw error
    }
  }
}

/** Without what a closed cache tells no more. */
function steady(series: Series): Series {
  return new Map([...series].filter(([id]) => /_(total|count|bucket|sum)(\{|$)/.test(id)))
}

/** To the unit; sums of durations as far as floating point adds up to the same in another order. */
function expectSame(exported: Series, scraped: Series): void {
  const isSum = (id: string) => /_sum(\{|$)/.test(id)
  // This age grows between any two looks.
  const told = (series: Series) => [...series].filter(([id]) => !id.startsWith('redis_cache_proof_age_seconds'))
  const units = (series: Series) => Object.fromEntries(told(series).map(([id, value]) => [id, isSum(id) ? '' : value]))
  expect(units(exported)).toEqual(units(scraped))
  for (const [id, sum] of told(scraped)) if (isSum(id)) expect(exported.get(id), id).toBeCloseTo(sum, 9)
}

class Visitor {
  readonly #application: Application
  readonly #port: number
  readonly #redis: RedisServer

  constructor(application: Application, port: number, redis: RedisServer) {
    this.#application = application
    this.#port = port
    this.#redis = redis
  }

  async visit(): Promise<number> {
    expect(await this.#ask('get/sessions/missing')).toBe(null)
    expect(await this.#ask('set/sessions/known')).toBe(true)
    expect(await this.#ask('get/sessions/known')).toBe('old')
    expect(await this.#ask('many/sessions/known')).toEqual(['old', null, null])
    expect(await this.#ask('load/products/loaded')).toMatch(/^loaded/)
    expect(await this.#ask('load/products/loaded')).toMatch(/^loaded/)
    await this.#share()
    await this.#serveStale()
    return this.#suffer()
  }

  /** Four callers of one key, while its load goes on. */
  async #share(): Promise<void> {
    const answers = Array.from({ length: 4 }, () => this.#ask('held/products/shared'))
    const released = this.#application.messages('waiting', 4).then(() => this.#ask('release', ''))
    const [, ...values] = await Promise.all([released, ...answers])
    expect(new Set(values).size).toBe(1)
  }

  /** A stale answer, and a refresh behind it. */
  async #serveStale(): Promise<void> {
    expect(await this.#ask('set/prices/stale')).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await this.#ask('load/prices/stale')).toBe('old')
    await expect.poll(() => this.#stats('prices')).toMatchObject({ loads: 1 })
    // It is stored before anything else happens to Redis.
    expect(await this.#ask('behind/prices', '')).toBe(1)
  }

  /** A Redis that hangs until the breaker opens, and comes back with a delete to be replayed. */
  async #suffer(): Promise<number> {
    await this.#redis.kill('SIGSTOP')
    expect(await this.#ask('delete/sessions/known')).toBe(false)
    let unavailable = 0
    do {
      expect(await this.#ask('get/sessions/known')).toBe(null)
      unavailable += 1
    } while ((await this.#stats('sessions')).circuit === 'closed')
    await this.#redis.kill('SIGCONT')
    await expect
      .poll(() => this.#stats('sessions'), { timeout: 20_000 })
      .toMatchObject({ circuit: 'closed', unconfirmed: 0 })
    expect(await this.#ask('get/sessions/known')).toBe(null)
    return unavailable
  }

  async #stats(cache: string): Promise<{ circuit: string }> {
    return (await this.#ask(`stats/${cache}`, '')) as { circuit: string }
  }

  async #ask(path: string, suffix: string = `-${SECRET}`): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/${path}${suffix}`)
    expect(response.status, path).toBe(200)
    return response.json()
  }
}
