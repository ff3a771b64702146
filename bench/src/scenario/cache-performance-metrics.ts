import type { Program } from '../program.js'
import { shown } from '../statistics.js'
import { readPort, type Series } from './port.js'
import { type Service, withService } from './service.js'
import { PATTERNS, REQUESTS, send } from './traffic.js'

const SPOILT = 3
const DELETED = 10

/** What was served, as who asked counted it, and the sum of a family's series that should say the same. */
interface Line {
  readonly family: string
  readonly labels: Series
  readonly served: number
}

/** What was served against what the five families say, read back over HTTP as Prometheus would. */
export const cachePerformanceMetrics: Program = {
  name: 'cache-performance-metrics',
  about: 'what was served against what the five metric families say, to the unit, over HTTP',
  run({ redisUrl, progress }) {
    const name = 'metrics'
    return withService({ redisUrl, seed: 1, name, memory: false }, async (service) => {
      progress(0, 'traffic')
      const waited = await sendAll(service)
      const told = await readPort(service.metricsUrl)
      const rows = LINES.map(({ family, labels, served }) => {
        const said = told(family, { cache: name, ...labels })
        return [family, labelsText(labels), served, said, said === served ? 'the same' : 'NOT the same'] as const
      })
      const seconds = told('redis_cache_operation_duration_seconds_sum', { cache: name, operation: 'get' })
      const milliseconds = told('redis_cache_latency_ms_sum', { cache: name, operation: 'get' })
      return {
        tables: [
          {
            title: 'What was served, and what the Prometheus port says',
            columns: ['family', 'labels', 'served', 'told', ''],
            rows,
            note: `50 first lookups, 1,000 requests, ${SPOILT} values spoilt in Redis and asked for, ${DELETED} deletes and the lookups after them; Redis alone, so that each lookup is timed. All get together: ${shown(milliseconds)} ms in one histogram, ${shown(seconds * 1_000)} ms in the other; callers waited ${shown(waited)} ms, less what the origin took.`,
          },
        ],
        bounds: [],
        complaints: rows
          .filter(([, , served, said]) => said !== served)
          .map(([family, labels, served, said]) => `${family}${labels} is ${said}, where ${served} were served`),
      }
    })
  },
}

const MISSES = PATTERNS.length + SPOILT + DELETED
const LOOKUPS = MISSES + REQUESTS.length

const LINES: readonly Line[] = [
  { family: 'redis_cache_hits_total', labels: { tier: 'redis' }, served: REQUESTS.length },
  { family: 'redis_cache_hits_total', labels: { tier: 'memory' }, served: 0 },
  { family: 'redis_cache_misses_total', labels: { reason: 'absent' }, served: PATTERNS.length + DELETED },
  { family: 'redis_cache_misses_total', labels: { reason: 'undecodable' }, served: SPOILT },
  { family: 'redis_cache_misses_total', labels: {}, served: MISSES },
  { family: 'redis_cache_errors_total', labels: { error_type: 'undecodable' }, served: SPOILT },
  { family: 'redis_cache_errors_total', labels: {}, served: SPOILT },
  ...['redis_cache_latency_ms_count', 'redis_cache_operation_duration_seconds_count'].flatMap((family): Line[] => [
    { family, labels: { operation: 'get' }, served: LOOKUPS },
    { family, labels: { operation: 'set' }, served: MISSES },
    { family, labels: { operation: 'delete' }, served: DELETED },
  ]),
]

/** How long all callers together waited for a lookup, less what the origin took, in milliseconds. */
async function sendAll({ ask, cache, origin, redis }: Service): Promise<number> {
  const lookups = [await send(PATTERNS, PATTERNS.length, ask), await send(REQUESTS, 50, ask)]
  const spoilt = PATTERNS.slice(0, SPOILT)
  for (const pattern of spoilt) await redis.set(`${cache.name}:v:{${pattern}}`, 'not what a cache stores')
  lookups.push(await send(spoilt, SPOILT, ask))
  const deleted = PATTERNS.slice(-DELETED)
  for (const pattern of deleted) await cache.delete(pattern)
  lookups.push(await send(deleted, DELETED, ask))
  const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0)
  return sum(lookups.flatMap(({ latencies }) => latencies)) - sum(origin.waits)
}

function labelsText(labels: Series): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(', ')}}`
}
