import { quantile } from './quantile.js'
import { type Count, type Durations, emptyTally, type Gauge, type Tally } from './tally.js'

/** `null`: there is none, because nothing happened in the window or nothing was told. Never 0 or NaN for that. */
export type Figure = number | null

type Latency = readonly [p50: Figure, p95: Figure, p99: Figure]
const NO_LATENCY: Latency = [null, null, null]

/** The figures of one cache at one time. Counters are rates per second over the window before it. */
export interface Point {
  /** Unix time in seconds. */
  readonly time: number
  /** 0 to 1. */
  readonly hitRatio: Figure
  readonly lookups: Figure
  readonly memoryHits: Figure
  readonly redisHits: Figure
  readonly misses: Figure
  readonly errors: Figure
  readonly skipped: Figure
  /** 0 closed, 1 half-open, 2 open. */
  readonly circuit: Figure
  /** In seconds. */
  readonly proofAge: Figure
  readonly memoryBytes: Figure
  readonly memoryEntries: Figure
  /** In seconds, of one operation. */
  latency(operation: string): Latency
}

/** What was told at one time. */
export interface Told {
  readonly time: number
  readonly tally: Tally
}

/** @param before what was told at the beginning of the window, where there is one */
export function toPoint({ time, tally }: Told, before: Told | undefined): Point {
  const rate = (count: Count): Figure => {
    const now = tally.counts.get(count)
    if (before === undefined || now === undefined) return null
    return (now - (before.tally.counts.get(count) ?? 0)) / (time - before.time)
  }
  const gauge = (name: Gauge): Figure => tally.gauges.get(name) ?? null
  const [memoryHits, redisHits, misses] = [rate('memoryHits'), rate('redisHits'), rate('misses')]
  const lookups = sum(memoryHits, redisHits, misses)
  const latencies = before === undefined ? new Map<string, Latency>() : latenciesOf(tally, before.tally)
  return {
    time,
    hitRatio: lookups ? (sum(memoryHits, redisHits) ?? 0) / lookups : null,
    lookups,
    memoryHits,
    redisHits,
    misses,
    errors: rate('errors'),
    skipped: rate('skipped'),
    circuit: gauge('circuit'),
    proofAge: gauge('proofAge'),
    memoryBytes: gauge('memoryBytes'),
    memoryEntries: gauge('memoryEntries'),
    latency: latencyIn(latencies),
  }
}

/** Made out here: a function of `toPoint` would keep its tallies for as long as the point. */
function latencyIn(latencies: ReadonlyMap<string, Latency>): Point['latency'] {
  return (operation) => latencies.get(operation) ?? NO_LATENCY
}

/** Of a time about which nothing was told: a gap in the charts. */
export function emptyPoint(time: number): Point {
  return toPoint({ time, tally: emptyTally() }, undefined)
}

function latenciesOf(now: Tally, before: Tally): Map<string, Latency> {
  const kept = (tally: Tally): Durations => (now.seconds.size > 0 ? tally.seconds : tally.milliseconds)
  return new Map(
    Array.from(kept(now), ([operation, buckets]) => {
      const earlier = kept(before).get(operation)
      const grown = new Map(Array.from(buckets, ([bound, count]) => [bound, count - (earlier?.get(bound) ?? 0)]))
      return [operation, [quantile(0.5, grown), quantile(0.95, grown), quantile(0.99, grown)]]
    }),
  )
}

/** Of those that there are. */
function sum(...figures: Figure[]): Figure {
  const known = figures.filter((figure) => figure !== null)
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0)
}
