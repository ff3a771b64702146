import { setTimeout as pause } from 'node:timers/promises'

const DEADLINE = 10_000

/** Waits for a condition. Rejects at a deadline that no healthy run comes near. */
export async function until(condition: () => unknown, what = 'the condition'): Promise<void> {
  const started = performance.now()
  while (!(await condition())) {
    if (performance.now() - started > DEADLINE) throw new Error(`waited ${DEADLINE} ms for ${what}`)
    await pause(2)
  }
}

/** A promise with its handles, and a count-free way to hold a loader open. */
export function deferred<T = void>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: unknown) => void
} {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((whenDone, whenFailed) => {
    resolve = whenDone
    reject = whenFailed
  })
  return { promise, resolve, reject }
}
