import type { Program } from '../program.js'
import { scenarioBounds } from './bounds.js'
import { COLUMNS, cellsOf, percentilesOf } from './percentiles.js'
import { baseline } from './pre-caching-latency-baseline.js'
import { complaintsOf, playRound } from './round.js'
import { REQUESTS } from './traffic.js'

/** The scenario in a few seconds, for CI: memory and Redis, as the defaults are. */
export const simplifiedCachePerformance: Program = {
  name: 'simplified-cache-performance',
  about: 'before and after in some three seconds, for CI',
  async run({ redisUrl, progress }) {
    progress(0, 'without a cache')
    const before = percentilesOf([await baseline()])
    progress(0.4, 'with it')
    // The thousand again and again, so that a machine that stalls once does not decide.
    const round = await playRound(
      redisUrl,
      true,
      Array.from({ length: 9 }, () => REQUESTS.length),
    )
    const rounds = round.hits.map((timings) => ({ ...round, hits: [timings] }))
    return {
      tables: [
        {
          title: `Before and after: 1,000 requests, all at once`,
          columns: ['', ...COLUMNS],
          rows: [
            ['no cache', ...cellsOf(before)],
            ['memory and Redis', ...cellsOf(percentilesOf(round.hits))],
          ],
        },
      ],
      bounds: scenarioBounds('memory and Redis', rounds, before),
      complaints: complaintsOf([round]),
    }
  },
}
