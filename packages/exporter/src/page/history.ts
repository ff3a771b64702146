import { CounterGrowth } from './growth.js'
import { emptyPoint, type Point, type Told, toPoint } from './point.js'
import type { Sample } from './samples.js'
import { emptyTally, type Tally, tell } from './tally.js'

/** Rates and quantiles are over so many seconds. */
const WINDOW = 10
/** What is kept, in seconds. */
const KEPT = 600
/** Where nothing was told for so many seconds there is a gap, not a rate over it. */
const GAP = 3 * WINDOW

interface Cache {
  /** Grows with every scrape. */
  readonly tally: Tally
  /** The last ones, from the beginning of the window on. */
  told: readonly Told[]
  points: readonly Point[]
}

/** Keeps the last minutes of every cache. */
export class History {
  #caches = new Map<string, Cache>()
  readonly #growth = new CounterGrowth()
  #last = Number.NEGATIVE_INFINITY

  /** @param time Unix time in seconds */
  add(time: number, samples: readonly Sample[]): void {
    // The clock was set back: nothing before it can be drawn beside what follows.
    if (time <= this.#last) {
      this.#caches = new Map()
      this.#last = Number.NEGATIVE_INFINITY
    }
    const seen = this.#tell(samples)
    this.#last = time
    this.#growth.endScrape()
    for (const [name, cache] of this.#caches) {
      const silent = cache.points.at(-1)?.time ?? time
      const gap = time - silent > GAP ? [emptyPoint((silent + time) / 2)] : []
      cache.points = [...cache.points, ...gap, this.#point(time, cache, seen.has(name))].filter(
        (point) => point.time > time - KEPT,
      )
      if (
        !seen.has(name) &&
        cache.points.every(({ lookups, memoryBytes }) => lookups === null && memoryBytes === null)
      ) {
        this.#caches.delete(name)
      }
    }
  }

  /** The points of each cache, the newest last, in the order of their names. */
  caches(): ReadonlyMap<string, readonly Point[]> {
    const sorted = [...this.#caches].sort(([a], [b]) => (a < b ? -1 : 1))
    return new Map(sorted.map(([name, { points }]) => [name, points]))
  }

  /** The names of the caches that the samples are of. */
  #tell(samples: readonly Sample[]): ReadonlySet<string> {
    const seen = new Set<string>()
    for (const sample of samples) {
      const name = sample.labels.get('cache')
      if (name === undefined) continue
      const cache = this.#caches.get(name) ?? this.#newCache()
      if (!seen.has(name)) cache.tally.gauges.clear()
      seen.add(name)
      this.#caches.set(name, cache)
      tell(cache.tally, sample, this.#growth)
    }
    return seen
  }

  /** One that comes later has begun at 0 since the scrape before. */
  #newCache(): Cache {
    const told = Number.isFinite(this.#last) ? [{ time: this.#last, tally: emptyTally() }] : []
    return { tally: emptyTally(), told, points: [] }
  }

  #point(time: number, cache: Cache, wasSeen: boolean): Point {
    if (!wasSeen) return emptyPoint(time)
    const told = { time, tally: structuredClone(cache.tally) }
    const recent = cache.told.filter((one) => time - one.time <= GAP)
    // From the newest that is a whole window old; from the oldest while none is.
    const begin = Math.max(
      0,
      recent.findLastIndex((one) => time - one.time >= WINDOW),
    )
    cache.told = [...recent.slice(begin), told]
    return toPoint(told, recent[begin])
  }
}
