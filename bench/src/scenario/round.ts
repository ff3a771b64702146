import { type Service, withService } from './service.js'
import { CONCURRENCIES, PATTERNS, REQUESTS, send, type Timings } from './traffic.js'

/** The scenario once, from an empty cache. */
export interface Round {
  /** From the first of the 50 first lookups to the last answer, sent all at once. */
  readonly firstTotal: number
  /** The slowest of the origin's answers to them: so long they would have taken without a cache. */
  readonly slowestAnswer: number
  /** The thousand requests, once for each concurrency, in that order. */
  readonly hits: readonly Timings[]
  /** Of the first lookups and the first thousand, as the cache counted them. */
  readonly counts: { readonly misses: number; readonly hits: number; readonly loads: number; readonly errors: number }
}

let newest = 0

export function playRound(
  redisUrl: string,
  memory: boolean,
  concurrencies: readonly number[] = CONCURRENCIES,
): Promise<Round> {
  const seed = ++newest
  const options = { redisUrl, seed, name: `patterns-${seed}`, ...(!memory && { memory: false as const }) }
  return withService(options, async (service) => {
    const { ask, origin } = service
    const first = await send(PATTERNS, PATTERNS.length, ask)
    const [atOnce = 1, ...others] = concurrencies
    const hits = [await send(REQUESTS, atOnce, ask)]
    const counts = countsOf(service)
    for (const concurrency of others) hits.push(await send(REQUESTS, concurrency, ask))
    return { firstTotal: first.total, slowestAnswer: Math.max(...origin.waits), hits, counts }
  })
}

function countsOf({ cache, origin }: Service): Round['counts'] {
  const { hits, misses, errors } = cache.stats()
  return { misses, hits: hits.memory + hits.redis, loads: origin.waits.length, errors }
}

/** What was not as the scenario has it. */
export function complaintsOf(rounds: readonly Round[]): string[] {
  const meant = JSON.stringify({ misses: PATTERNS.length, hits: REQUESTS.length, loads: PATTERNS.length, errors: 0 })
  return rounds
    .map(({ counts }) => JSON.stringify(counts))
    .filter((counted) => counted !== meant)
    .map((counted) => `a round counted ${counted}, not ${meant}`)
}

/** In percent. */
export function hitRatioOf({ counts: { hits, misses } }: Round): number {
  return (100 * hits) / (hits + misses)
}
