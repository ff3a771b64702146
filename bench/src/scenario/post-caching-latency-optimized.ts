import type { BoundCheck, Chart, Program, ProgramContext, ProgramReport, Table } from '../program.js'
import { median, shown } from '../statistics.js'
import { addedToFirst, firstBound, scenarioBounds } from './bounds.js'
import { cold } from './cold.js'
import { COLUMNS, cellsOf, latencyStrip, type Percentiles, percentilesOf } from './percentiles.js'
import { baseline } from './pre-caching-latency-baseline.js'
import { complaintsOf, hitRatioOf, playRound, type Round } from './round.js'
import { CONCURRENCIES, REQUESTS, type Timings } from './traffic.js'

const TIERS = [
  { tiers: 'Redis alone', memory: false },
  { tiers: 'memory and Redis', memory: true },
] as const

interface Played {
  readonly tiers: string
  readonly rounds: Round[]
}

/** After: each of 50 patterns once, then a thousand requests over them. */
export const postCachingLatencyOptimized: Program = {
  name: 'post-caching-latency-optimized',
  about: 'the same service behind the cache, over a real Redis: 50 misses, 1,000 hits, and from cold',
  run,
}

async function run({ redisUrl, quick, progress }: ProgramContext): Promise<ProgramReport> {
  progress(0, 'without a cache')
  const before = await baseline()
  const played: readonly Played[] = TIERS.map(({ tiers }) => ({ tiers, rounds: [] }))
  const times = quick ? 5 : 15
  for (let round = 0; round < times; round++) {
    for (const [index, { memory }] of TIERS.entries()) {
      played[index]?.rounds.push(await playRound(redisUrl, memory))
    }
    progress((0.9 * (round + 1)) / times, `round ${round + 1} of ${times}`)
  }
  progress(0.9, 'from cold')
  const fromCold = await cold(redisUrl, quick ? [1_000, 50] : CONCURRENCIES, before)
  return {
    tables: [hitsTable(played, percentilesOf([before])), firstTable(played), fromCold.table],
    bounds: played.flatMap(({ tiers, rounds }) => boundsOf(tiers, rounds, before)),
    charts: [beforeAndAfter(played, before), distribution(played), fromCold.chart],
    complaints: [...played.flatMap(({ rounds }) => complaintsOf(rounds)), ...fromCold.complaints],
  }
}

function boundsOf(tiers: string, rounds: readonly Round[], before: Timings): BoundCheck[] {
  return [...scenarioBounds(tiers, rounds, percentilesOf([before])), firstBound(tiers, rounds)]
}

/** The thousand requests of all rounds, at the concurrency of this index. */
function hitsAt(rounds: readonly Round[], index: number): Timings[] {
  return rounds.flatMap(({ hits }) => hits[index] ?? [])
}

function hitsTable(played: readonly Played[], before: Percentiles): Table {
  const rows = played.flatMap(({ tiers, rounds }) =>
    CONCURRENCIES.map((concurrency, index) => {
      const after = percentilesOf(hitsAt(rounds, index))
      return [
        tiers,
        concurrency,
        ...cellsOf(after),
        `${shown(before.p95.measured / after.p95.measured).toLocaleString('en')}x`,
      ]
    }),
  )
  const [first] = played[0]?.rounds ?? []
  return {
    title: 'After: 1,000 requests over 50 patterns',
    columns: ['', 'at a time', ...COLUMNS, 'p95, faster'],
    rows: [['no cache', REQUESTS.length, ...cellsOf(before), '1x'], ...rows],
    note: `Exactly 50 misses and 1,000 hits in each round: a hit ratio of ${first && hitRatioOf(first).toFixed(2)} %. Medians of ${played[0]?.rounds.length} rounds; the bounds are for all at once, as in the source.`,
  }
}

function firstTable(played: readonly Played[]): Table {
  const rows = played.map(({ tiers, rounds }) => {
    const { measured, low, high } = addedToFirst(rounds)
    const total = median(rounds.map(({ firstTotal }) => firstTotal))
    const origin = median(rounds.map(({ slowestAnswer }) => slowestAnswer))
    return [tiers, ...[total, origin, measured].map(shown), `${shown(low)} … ${shown(high)}`]
  })
  return {
    title: 'The 50 first lookups',
    columns: ['', 'together ms', "origin's ms", 'added ms', 'middle half'],
    rows,
    note: 'All sent at once, from the first call to the last answer. The origin\'s is its slowest answer of the round: so long they would have taken without a cache. "Added" is the one less the other, round by round.',
  }
}

function beforeAndAfter(played: readonly Played[], before: Timings): Chart {
  const barsOf = (series: string, { p50, p95, p99 }: Percentiles): { label: string; value: number; series: string }[] =>
    Object.entries({ p50, p95, p99 }).map(([label, { measured }]) => ({
      label,
      value: Number(measured.toPrecision(4)),
      series,
    }))
  return {
    kind: 'bars',
    name: 'before-and-after',
    title: 'A pattern request, before and after',
    subtitle: '1,000 requests, all at once; each grid line is ten times the one before.',
    unit: 'ms',
    scale: 'log',
    bars: [
      ...barsOf('no cache', percentilesOf([before])),
      ...played.flatMap(({ tiers, rounds }) => barsOf(tiers, percentilesOf(hitsAt(rounds, 0)))),
    ],
  }
}

function distribution(played: readonly Played[]): Chart {
  return {
    kind: 'strips',
    name: 'latency-of-the-thousand',
    title: 'How the 1,000 hits are spread',
    subtitle: 'All rounds together: each mark is one percent of the requests; above p50, below p95.',
    unit: 'ms',
    scale: 'log',
    strips: played.flatMap(({ tiers, rounds }) =>
      CONCURRENCIES.map((concurrency, index) => ({
        label: `${tiers}, ${concurrency === REQUESTS.length ? 'all at once' : `${concurrency} at a time`}`,
        values: latencyStrip(hitsAt(rounds, index)),
      })),
    ),
  }
}
