import { Redis } from 'ioredis'
import { Child } from './child.js'
import type { Group } from './group.js'
import { interleave, type Measured, pooled, type RoundsPace, type Worker } from './interleave.js'
import type { MitataStats } from './measure.js'
import { median } from './statistics.js'
import { type Result, resultOf } from './summary.js'
import type { WarmUp, WorkerTasks } from './worker.js'

/** How long everything may take, in milliseconds. */
export interface Pace extends RoundsPace, WarmUp {
  /** How long mitata measures a case. */
  readonly table: number
}

/** What was found out about a group. */
export interface GroupReport {
  readonly cases: readonly CaseReport[]
  readonly figures: readonly Result[]
  /** The groups whose figures come from the processes of two runs, because those of the first missed a bound. */
  readonly measuredTwice: readonly string[]
  /** Why the figures should not be believed. Normally empty. */
  readonly complaints: readonly string[]
}

interface CaseReport {
  readonly group: string
  readonly name: string
  /** Nanoseconds per operation: the median of the interleaved rounds, and mitata's average. */
  readonly ns: number
  readonly mitataNs: number
}

/** A group while it is measured, on a Redis that is emptied for it: first by mitata, case by case, then in rounds. */
export class GroupRun {
  readonly #group: Group
  readonly #redisUrl: string
  readonly #averages = new Map<string, number>()
  readonly #complaints: string[] = []
  #times = 0
  #children: ReadonlyArray<Child<WorkerTasks>> = []
  #workers: readonly Worker[] = []
  #measured: readonly Measured[] = []

  constructor(group: Group, redisUrl: string) {
    this.#group = group
    this.#redisUrl = redisUrl
  }

  /** Starts a process for each case, instead of those there were. */
  async start(pace: WarmUp): Promise<void> {
    this.stop()
    await emptied(this.#redisUrl)
    const { name, cases } = this.#group
    const module = new URL('./worker.js', import.meta.url)
    const starting = cases.map((of) => ({ of, child: new Child<WorkerTasks>(module, of.name) }))
    this.#children = starting.map(({ child }) => child)
    this.#workers = await Promise.all(
      starting.map(async ({ of, child }) => {
        return { of, child, storedBytes: await child.ask('prepare', name, of.name, this.#redisUrl, pace) }
      }),
    )
  }

  /** mitata's figures of each case, measured for so many milliseconds. */
  async mitata(time: number, onCase: (done: number, name: string) => void): Promise<readonly MitataStats[]> {
    const all: MitataStats[] = []
    for (const { of, child } of this.#workers) {
      onCase(all.length, of.name)
      const stats = await child.ask('mitata', time)
      this.#averages.set(of.name, stats.avg / (of.callers ?? 1))
      all.push(stats)
    }
    return all
  }

  /** Adds these rounds to those there were. */
  async rounds(pace: RoundsPace, onRound: (done: number) => void): Promise<void> {
    this.#times += 1
    this.#measured = pooled(this.#measured, await interleave(this.#workers, pace, onRound))
    for (const { of, child } of this.#workers) {
      for (const complaint of await child.ask('complaints')) {
        this.#complaints.push(`${this.#group.name}, ${of.name}: ${complaint}`)
      }
    }
  }

  report(): GroupReport {
    const group = this.#group.name
    return {
      measuredTwice: this.#times > 1 ? [group] : [],
      complaints: this.#complaints,
      cases: this.#measured.map(({ name, rounds }) => {
        return { group, name, ns: median(rounds), mitataNs: this.#averages.get(name) ?? Number.NaN }
      }),
      figures: this.#group.figures.map((figure) => resultOf(group, figure, this.#measured)),
    }
  }

  stop(): void {
    for (const child of this.#children) child.stop()
    this.#children = this.#workers = []
  }
}

/** Rejects where it does not answer: the bench must not hang with its Redis. */
export async function emptied(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl, { commandTimeout: 10_000, maxRetriesPerRequest: 2 })
  // The command says it.
  redis.on('error', () => {})
  try {
    await redis.flushall()
  } finally {
    redis.disconnect()
  }
}
