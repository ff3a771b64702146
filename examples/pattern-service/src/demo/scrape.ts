/** The five metrics that the cache promises first. A histogram is found by its `_count` and `_sum`. */
export const FAMILIES = [
  'redis_cache_hits_total',
  'redis_cache_misses_total',
  'redis_cache_errors_total',
  'redis_cache_latency_ms',
  'redis_cache_operation_duration_seconds',
] as const

export type Family = (typeof FAMILIES)[number]

/** One line of the Prometheus text format, as it stands and read. */
export interface Sample {
  readonly line: string
  readonly name: string
  readonly value: number
}

/** Reads a metrics port as Prometheus does: over HTTP, as text. */
export async function scrape(url: string): Promise<Sample[]> {
  const response = await fetch(url)
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`)
  return parseSamples(text)
}

export function parseSamples(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, name, value] = /^(\w+)(?:\{.*\})? (\S+)/.exec(line) ?? []
    return name === undefined ? [] : [{ line, name, value: Number(value) }]
  })
}

/** The lines of a family, without the many buckets of a histogram. */
export function samplesOf(family: Family, samples: readonly Sample[]): Sample[] {
  return samples.filter(({ name }) => name === family || name === `${family}_count` || name === `${family}_sum`)
}

/** The sum over all labels. */
export function total(family: Family, samples: readonly Sample[]): number {
  return samplesOf(family, samples).reduce((sum, sample) => sum + sample.value, 0)
}
