import { setTimeout as pause } from 'node:timers/promises'

/** Asks until there is an answer; one that fails is none. Rejects after `timeout` milliseconds, naming what was awaited. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, timeout = 30_000): Promise<T> {
  const deadline = Date.now() + timeout
  let reason: unknown
  do {
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      reason = error
    }
    await pause(20)
  } while (Date.now() < deadline)
  throw new Error(`Not within ${timeout} ms: ${what}`, { cause: reason })
}
