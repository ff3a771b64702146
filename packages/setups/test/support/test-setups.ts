import { type RedisServer, startRedis } from '@otel-cache/test-servers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Application } from './application.js'
import { expectMetrics } from './expect-metrics.js'
import { expectSpans } from './expect-spans.js'
import { CUMULATIVE, DELTA, parsePrometheus, type Series } from './metrics.js'
import type { Project } from './project.js'
import { visitShop } from './shop.js'

/** What an SDK was told. */
interface Told {
  readonly metrics: string
  /** Each span with those above it. */
  readonly spans: readonly string[]
}

export interface Line {
  readonly project: Project
  /** The Node that programs run on. */
  readonly node: string
  /** The api that the project's library brings, relative to the application's. */
  readonly copy: 'newer' | 'older'
}

/** The set-ups that people have, on one line of the SDK. */
export function testSetups({ project, node, copy }: Line): void {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())

  describe('NodeSDK with auto-instrumentations, to a collector and to Prometheus', () => {
    test('in an ESM application with the loader hook', async () => {
      const nodeArgs = ['--import', './telemetry.mjs']
      const visit = await visitShop({ folder: project.folder, program: 'app.mjs', nodeArgs, node })
      expect([...visit.collector.metrics.temporalities]).toEqual([CUMULATIVE])
      expectMetrics(visit)
      expectSpans(visit, false)
    })

    test('in a CommonJS application, with the collector told of differences', async () => {
      const nodeArgs = ['--require', './telemetry.cjs']
      const env = { OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta' }
      const visit = await visitShop({ folder: project.folder, program: 'app.cjs', nodeArgs, node, env })
      expect([...visit.collector.metrics.temporalities]).toEqual([DELTA])
      expectMetrics(visit)
      expectSpans(visit, true)
    })
  })

  describe('the SDK is registered', () => {
    const run = (order: string) =>
      runToEnd<{ first: Told; second: Told }>(project.folder, 'order.mjs', { node, redis, args: [order] })
    const SPANS = [...Array(3).fill('request > cache.get ordered'), 'request']

    test('before the cache is made', async () => {
      const { first } = await run('before')
      expect(outcomes(first, 'ordered')).toEqual({ hits: 1, misses: 2, observed: 4 })
      expect(first.spans).toEqual(SPANS)
    })

    test('after it was made and used: what was counted until then is told, too', async () => {
      const { first } = await run('after')
      expect(outcomes(first, 'ordered')).toEqual({ hits: 2, misses: 4, observed: 4 })
      expect(first.spans).toEqual(SPANS)
    })

    test('again, in place of one that has ended: each is told its part', async () => {
      const { first, second } = await run('again')
      expect(outcomes(first, 'ordered')).toEqual({ hits: 1, misses: 2, observed: 4 })
      expect(outcomes(second, 'ordered')).toEqual({ hits: 2, misses: 4, observed: 8 })
      expect(first.spans).toEqual(SPANS)
      expect(second.spans).toEqual([...SPANS, ...SPANS])
    })

    test('twice, of which the api refuses the second: all goes on with the first', async () => {
      const { first, second } = await run('twice')
      expect(outcomes(first, 'ordered')).toEqual({ hits: 2, misses: 4, observed: 8 })
      expect(outcomes(second, 'ordered')).toEqual({ hits: 0, misses: 0, observed: 0 })
      expect(first.spans).toEqual([...SPANS, ...SPANS])
      expect(second.spans).toEqual([])
    })
  })

  describe(`a library brings a copy of the api of its own, ${copy} than the application's`, () => {
    const told = () => runToEnd<Told>(project.folder, 'copies.mjs', { node, redis })
    const spansOf = (told: Told, cache: string) => told.spans.filter((path) => path.endsWith(` ${cache}`))
    const under = (path: string, cache: string) => [`${path} > cache.put ${cache}`, `${path} > cache.get ${cache}`]

    test("the application's cache tells everything, also when the library calls it", async () => {
      const all = await told()
      expect(outcomes(all, 'application')).toEqual(COUNTED)
      // The spans of a library on a newer copy are lost to the application, the cache's are not.
      const path = copy === 'older' ? 'request > library' : 'request'
      expect(spansOf(all, 'application')).toEqual(under(path, 'application'))
    })

    test.runIf(copy === 'older')('the core on that copy tells everything, too', async () => {
      const all = await told()
      for (const cache of ['foreign', 'given']) {
        expect(outcomes(all, cache)).toEqual(COUNTED)
        expect(spansOf(all, cache)).toEqual(under('request > library', cache))
      }
    })

    // The api gives the globals of an older release to nobody. A meter provider that is given needs no globals; spans
    // need the active context, which is one.
    test.runIf(copy === 'newer')(
      'the core on that copy works and is silent, but for a meter provider given',
      async () => {
        const all = await told()
        expect(outcomes(all, 'foreign')).toEqual({ hits: 0, misses: 0, observed: 0 })
        expect(outcomes(all, 'given')).toEqual(COUNTED)
        for (const cache of ['foreign', 'given']) expect(spansOf(all, cache)).toEqual([])
      },
    )
  })
}

/** What `copies.mjs` does with each cache. */
const COUNTED = { hits: 1, misses: 0, observed: 2 }

/** The counts of one cache. */
function outcomes({ metrics }: Told, cache: string): { hits: number; misses: number; observed: number } {
  const series = parsePrometheus(metrics)
  return {
    hits: total(series, 'redis_cache_hits_total', cache),
    misses: total(series, 'redis_cache_misses_total', cache),
    observed: total(series, 'redis_cache_latency_ms_count', cache),
  }
}

function total(series: Series, name: string, cache: string): number {
  const own = [...series].filter(([id]) => id.startsWith(`${name}{`) && id.includes(`cache="${cache}"`))
  return own.reduce((sum, [, value]) => sum + value, 0)
}

/** What a program that ends by itself has told. */
async function runToEnd<T>(
  folder: string,
  program: string,
  { node, redis, args }: { node: string; redis: RedisServer; args?: string[] },
): Promise<T> {
  const env = { REDIS_PORT: String(redis.port), OTEL_LOGS_EXPORTER: 'none' }
  const application = new Application(folder, program, { node, args, env })
  try {
    const told = await application.message<T>('told')
    expect(await application.ended).toBe(0)
    return told
  } finally {
    await application.kill()
  }
}
