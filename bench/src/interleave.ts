import type { Child } from './child.js'
import { type Case, WARM_AFTER } from './group.js'
import type { WorkerTasks } from './worker.js'

/*
 * Why not mitata for this: it measures one case to its end, then the next. On a machine whose speed drifts from second to
 * second (a neighbour, a warm processor) the ratio of two such figures is mostly drift. Here the cases of a group take
 * turns in slices of some milliseconds, forwards and backwards, so that a round is over before the machine has changed.
 * A ratio is made of two slices of the same round, and the median of those ratios is the figure.
 */

export interface RoundsPace {
  readonly rounds: number
  /** How long one case is measured in one round, in milliseconds. */
  readonly slice: number
  /** How long a case at most runs once more before the rounds, in milliseconds. */
  readonly warmAgain: number
}

/** A case in a process of its own, prepared. */
export interface Worker {
  readonly of: Case
  readonly child: Child<WorkerTasks>
  /** What a value takes in Redis, where the case has filled it. */
  readonly storedBytes: number | undefined
}

/** Nanoseconds per operation of one case, one figure a round. */
export interface Measured {
  readonly name: string
  readonly rounds: readonly number[]
  /** How many of them, the first ones, are of processes before these. */
  readonly before: number
  /** What a value takes in Redis, where the case has filled it. */
  readonly storedBytes: number | undefined
}

export async function interleave(
  workers: readonly Worker[],
  pace: RoundsPace,
  onRound: (done: number) => void,
): Promise<readonly Measured[]> {
  const turns: Array<Measured & { worker: Worker; times: number; rounds: number[] }> = []
  for (const worker of workers) {
    const { storedBytes } = worker
    turns.push({
      worker,
      name: worker.of.name,
      storedBytes,
      times: await calibrate(worker, pace),
      rounds: [],
      before: 0,
    })
  }
  for (let round = 0; round < pace.rounds; round++) {
    for (const { worker, times, rounds } of round % 2 === 0 ? turns : turns.toReversed()) {
      rounds.push((1e6 * (await worker.child.ask('slice', times))) / times)
    }
    onRound(round + 1)
  }
  return turns
}

/**
 * Doubles until a slice is full, three times over: the last one tells its speed. Goes on while it is getting warm: mitata
 * collects garbage, and V8 forgets with it some of what it has compiled.
 *
 * @returns how many operations fill a slice, the same number for each caller
 */
async function calibrate({ of, child }: Worker, { slice, warmAgain }: RoundsPace): Promise<number> {
  const { callers = 1, warmAfter = WARM_AFTER } = of
  const started = performance.now()
  const isCold = (): boolean => calls < warmAfter / 4 && performance.now() - started < warmAgain
  let times = callers
  let calls = 0
  for (let full = 0; full < 3 || isCold(); ) {
    const duration = await child.ask('slice', times)
    calls += times
    if (duration >= slice / 2) {
      full += 1
      times = callers * Math.max(1, Math.round((times * slice) / duration / callers))
    } else {
      times *= 2
    }
  }
  return times
}

/** Rounds of two runs together: what the processes of one of them happened to be like does not decide. */
export function pooled(first: readonly Measured[], second: readonly Measured[]): readonly Measured[] {
  return second.map((one) => {
    const before = first.find(({ name }) => name === one.name)?.rounds ?? []
    return { ...one, rounds: [...before, ...one.rounds], before: before.length }
  })
}
