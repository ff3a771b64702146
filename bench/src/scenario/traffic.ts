import { randomFrom } from '../random.js'

/** What is asked for. */
export const PATTERNS: readonly string[] = Array.from({ length: 50 }, (_, index) => `pattern-${index}-*ing`)

/** A thousand requests over them at random, the same in every run. */
export const REQUESTS: readonly string[] = picks(1_000)

/** How many requests are under way at a time. */
export const CONCURRENCIES: readonly number[] = [1_000, 50, 1]

export interface Timings {
  /** Of each request, in milliseconds, from the call to its answer, in the order of the requests. */
  readonly latencies: readonly number[]
  /** From the first call to the last answer. */
  readonly total: number
}

/** Sends the requests, so many at a time, each as soon as one before it is answered. */
export async function send(
  requests: readonly string[],
  concurrency: number,
  ask: (pattern: string) => Promise<unknown>,
): Promise<Timings> {
  const latencies = new Array<number>(requests.length)
  const left = requests.entries()
  const client = async (): Promise<void> => {
    for (const [index, pattern] of left) {
      const asked = performance.now()
      await ask(pattern)
      latencies[index] = performance.now() - asked
    }
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: Math.min(concurrency, requests.length) }, client))
  return { latencies, total: performance.now() - started }
}

function picks(count: number): string[] {
  const random = randomFrom(1)
  return Array.from({ length: count }, () => PATTERNS[Math.floor(random() * PATTERNS.length)] as string)
}
