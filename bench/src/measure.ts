import { getHeapStatistics } from 'node:v8'
import { do_not_optimize, measure } from 'mitata'
import type { Case, Operation } from './group.js'

/** What mitata finds out about a case. */
export type MitataStats = Awaited<ReturnType<typeof measure>>

/** Runs it so many times and resolves to how long that took, in milliseconds. */
export type Slice = (times: number) => Promise<number>

/** Has mitata measure an operation for so many milliseconds. */
export function measureWithMitata(one: Case, operation: Operation, time: number): Promise<MitataStats> {
  return measure(callOf(one, operation), {
    min_cpu_time: time * 1e6,
    heap: usedHeap,
    // What takes 10 µs is timed call by call: mitata's batches of 4,096 would take seconds, and hide every percentile.
    // The first calls of what is faster may be slow, so it gets more than one chance to show it.
    batch_threshold: 10_000,
    warmup_samples: 100,
  })
}

/** What mitata calls. It waits for what returns a promise at its first call, and only for that. */
function callOf({ awaited, callers = 1 }: Case, operation: Operation): Operation {
  if (callers > 1) return () => Promise.all(Array.from({ length: callers }, operation))
  if (!awaited) return () => do_not_optimize(operation())
  const first = operation()
  return first instanceof Promise ? operation : async () => operation()
}

function usedHeap(): number {
  const { used_heap_size, malloced_memory } = getHeapStatistics()
  return used_heap_size + malloced_memory
}

/** One slice of a round counts whole time over operations, so that the garbage a case makes is on its bill. */
export function slicesOf({ awaited, callers = 1 }: Case, operation: Operation): Slice {
  const loop = awaited ? awaitingLoop(operation) : plainLoop(operation)
  return async (times) => {
    const started = performance.now()
    if (callers === 1) await loop(times)
    else await Promise.all(Array.from({ length: callers }, () => loop(times / callers)))
    return performance.now() - started
  }
}

function plainLoop(operation: Operation): (times: number) => void {
  return (times) => {
    for (let i = 0; i < times; i++) do_not_optimize(operation())
  }
}

function awaitingLoop(operation: Operation): (times: number) => Promise<void> {
  return async (times) => {
    for (let i = 0; i < times; i++) do_not_optimize(await operation())
  }
}
