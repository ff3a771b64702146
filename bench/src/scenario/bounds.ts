import type { BoundCheck } from '../program.js'
import { median, type Spread, spreadOf } from '../statistics.js'
import { type Percentiles, percentilesOf } from './percentiles.js'
import { hitRatioOf, type Round } from './round.js'

/** Of the contract, for the thousand sent all at once; in milliseconds. The source itself reported about these. */
const LIMITS = { p50: 10, p95: 20, p99: 100, total: 20 } as const

/** What the contract says of the scenario. */
export function scenarioBounds(tiers: string, rounds: readonly Round[], before: Percentiles): BoundCheck[] {
  const after = percentilesOf(rounds.flatMap(({ hits: [atOnce] }) => atOnce ?? []))
  const { p50, p95, p99, total } = LIMITS
  return [
    { ...figure(tiers, 'hit ratio'), unit: '%', measured: median(rounds.map(hitRatioOf)), limit: 95, kind: 'at least' },
    { ...figure(tiers, 'p50 of 1,000 hits'), unit: 'ms', ...after.p50, limit: p50, kind: 'under' },
    { ...figure(tiers, 'p95 of 1,000 hits'), unit: 'ms', ...after.p95, limit: p95, kind: 'under' },
    { ...figure(tiers, 'p99 of 1,000 hits'), unit: 'ms', ...after.p99, limit: p99, kind: 'under' },
    { ...figure(tiers, '1,000 hits together'), unit: 'ms', ...after.total, limit: total, kind: 'under' },
    {
      ...figure(tiers, 'p95, times faster than before'),
      unit: 'x',
      ...gain(before, after),
      limit: 40,
      kind: 'at least',
    },
  ]
}

/** What the cache adds to the 50 first lookups, all sent at once: what they took, less the origin's slowest answer. */
export function addedToFirst(rounds: readonly Round[]): Spread {
  return spreadOf(rounds.map(({ firstTotal, slowestAnswer }) => firstTotal - slowestAnswer))
}

export function firstBound(tiers: string, rounds: readonly Round[]): BoundCheck {
  const added = addedToFirst(rounds)
  return { ...figure(tiers, '50 first lookups less their origin'), unit: 'ms', ...added, limit: 5.4, kind: 'under' }
}

/** How many times as long the 95th percentile was before. */
function gain(before: Percentiles, { p95 }: Percentiles): Spread {
  const over = (after: number): number => before.p95.measured / after
  return { measured: over(p95.measured), low: over(p95.high), high: over(p95.low), rounds: p95.rounds }
}

function figure(tiers: string, what: string): { readonly figure: string } {
  return { figure: `${what}, ${tiers}` }
}
