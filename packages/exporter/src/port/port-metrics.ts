import type { Family, HistogramValue } from '../exposition/family.js'

/** Why a scrape got no metrics: nothing could be collected, something could not be, or not in time. */
export type FailureCause = 'collection' | 'partial' | 'timeout'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** What the port tells of itself, as client_golang's `promhttp` does. It shows in the scrape that follows. */
export class PortMetrics {
  readonly #scrapes = new Map<number, number>([
    [200, 0],
    [503, 0],
  ])
  readonly #failures = new Map<FailureCause, number>([
    ['collection', 0],
    ['partial', 0],
    ['timeout', 0],
  ])
  readonly #durations = SECONDS.concat(Number.POSITIVE_INFINITY).map(() => 0)
  #totalSeconds = 0

  scraped(code: number, seconds: number): void {
    this.#scrapes.set(code, (this.#scrapes.get(code) ?? 0) + 1)
    const bucket = SECONDS.findIndex((bound) => seconds <= bound)
    const index = bucket === -1 ? SECONDS.length : bucket
    this.#durations[index] = (this.#durations[index] ?? 0) + 1
    this.#totalSeconds += seconds
  }

  failed(cause: FailureCause): void {
    this.#failures.set(cause, (this.#failures.get(cause) ?? 0) + 1)
  }

  families(): Family[] {
    const durations: HistogramValue = {
      bounds: SECONDS,
      counts: this.#durations,
      sum: this.#totalSeconds,
      exemplars: [],
    }
    return [
      {
        type: 'counter',
        name: 'otel_cache_exporter_scrapes_total',
        help: 'Requests for the metrics that were answered, by HTTP status code.',
        unit: '',
        series: new Map(Array.from(this.#scrapes, ([code, count]) => [`code="${code}"`, count])),
      },
      {
        type: 'counter',
        name: 'otel_cache_exporter_failures_total',
        help: 'Collections that failed as a whole or in part, and scrapes that ran out of time.',
        unit: '',
        series: new Map(Array.from(this.#failures, ([cause, count]) => [`cause="${cause}"`, count])),
      },
      {
        type: 'histogram',
        name: 'otel_cache_exporter_scrape_duration_seconds',
        help: 'How long it took until a request for the metrics was answered.',
        unit: 's',
        series: new Map([['', durations]]),
      },
    ]
  }
}
