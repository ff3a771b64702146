import { patterns } from './patterns.js'

export const REQUESTS = 1000

/** How long each request took, in milliseconds. */
export interface Timings {
  readonly before: readonly number[]
  readonly after: readonly number[]
}

export type OnProgress = (label: string, done: number, total: number) => void

/** Asks for every pattern once, then for patterns at random, one request at a time as a single person would. */
export async function sendTraffic(url: string, onProgress: OnProgress, signal: AbortSignal): Promise<Timings> {
  const random = Array.from({ length: REQUESTS }, () => patterns[Math.floor(Math.random() * patterns.length)] as string)
  const ask = async (label: string, asked: readonly string[]): Promise<number[]> => {
    const timings: number[] = []
    for (const pattern of asked) {
      signal.throwIfAborted()
      timings.push(await timeRequest(`${url}/patterns?q=${encodeURIComponent(pattern)}`))
      onProgress(label, timings.length, asked.length)
    }
    return timings
  }
  return { before: await ask('patterns, each once', patterns), after: await ask('requests over them', random) }
}

async function timeRequest(url: string): Promise<number> {
  const start = performance.now()
  const response = await fetch(url)
  const body = await response.text()
  const duration = performance.now() - start
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${body}`)
  return duration
}
