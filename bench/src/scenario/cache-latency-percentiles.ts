import type { Redis } from 'ioredis'
import type { Program } from '../program.js'
import { COLUMNS, cellsOf, percentilesOf } from './percentiles.js'
import { withService } from './service.js'
import { CONCURRENCIES, PATTERNS, REQUESTS, send, type Timings } from './traffic.js'

interface Getter {
  readonly label: string
  get(pattern: string): Promise<unknown>
}

/** A thousand `get` of what is stored, beside the client by itself; who is measured takes turns. */
export const cacheLatencyPercentiles: Program = {
  name: 'cache-latency-percentiles',
  about: '1,000 get of stored patterns: p50, p95, p99, beside the bare client',
  run({ redisUrl, quick, progress }) {
    const names = ['get-redis', 'get-memory'] as const
    return withService({ redisUrl, seed: 1, name: names[0], memory: false }, (overRedis) =>
      withService({ redisUrl, seed: 1, name: names[1] }, async (withMemory) => {
        const { redis } = overRedis
        for (const pattern of PATTERNS) {
          const answer = { pattern, matches: Array.from({ length: 6 }, (_, id) => ({ word: `${pattern}-${id}`, id })) }
          await Promise.all([overRedis.cache.set(pattern, answer), withMemory.cache.set(pattern, answer)])
          await redis.set(`bare:${pattern}`, JSON.stringify(answer))
        }
        const getters: readonly Getter[] = [
          { label: 'bare ioredis, get and JSON.parse', get: (pattern) => bareGet(redis, pattern) },
          { label: 'cache.get, Redis alone', get: (pattern) => overRedis.cache.get(pattern) },
          { label: 'cache.get, memory and Redis', get: (pattern) => withMemory.cache.get(pattern) },
        ]
        const played = getters.map(({ label, get }) =>
          CONCURRENCIES.map((concurrency) => ({ label, get, concurrency, rounds: [] as Timings[] })),
        )
        const rounds = quick ? 11 : 41
        for (let round = 0; round < rounds; round++) {
          for (const { get, concurrency, rounds } of played.flat()) rounds.push(await send(REQUESTS, concurrency, get))
          progress((round + 1) / rounds, `round ${round + 1} of ${rounds}`)
        }
        const { misses, errors } = overRedis.cache.stats()
        return {
          tables: [
            {
              title: '1,000 get of 50 patterns',
              columns: ['', 'at a time', ...COLUMNS],
              rows: played.flat().map((one) => [one.label, one.concurrency, ...cellsOf(percentilesOf(one.rounds))]),
              note: `Medians of ${rounds} rounds, in which the lines take turns. Both histograms record, and a Prometheus port is open.`,
            },
          ],
          bounds: [],
          complaints: misses + errors === 0 ? [] : [`${misses} misses and ${errors} errors among the gets`],
        }
      }),
    )
  },
}

async function bareGet(redis: Redis, pattern: string): Promise<unknown> {
  const stored = await redis.get(`bare:${pattern}`)
  return stored === null ? undefined : JSON.parse(stored)
}
