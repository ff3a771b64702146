import { Redis } from 'ioredis'
import type { Case, Group } from './group.js'
import { interleave, type Measured, pooled, type RoundsPace } from './interleave.js'
import type { MitataStats } from './measure.js'
import { median } from './statistics.js'
import { type Result, resultOf } from './summary.js'
import { type WarmUp, WorkerProcess } from './worker-process.js'

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
  #workers: readonly WorkerProcess[] = []
  #measured: readonly Measured[] = []

  constructor(group: Group, redisUrl: string) {
    this.#group = group
    this.#redisUrl = redisUrl
  }

  /** Starts a process for each case, instead of those there were. */
  async start(pace: WarmUp): Promise<void> {
    this.stop()
    await emptied(this.#redisUrl)
    const starting = this.#group.cases.map((one) => WorkerProcess.start(this.#group, one, this.#redisUrl, pace))
    this.#workers = await Promise.all(starting)
  }

  async mitata(one: Case, time: number): Promise<MitataStats> {
    const worker = this.#workers.find(({ of }) => of === one)
    if (worker === undefined) throw new Error(`'${one.name}' is not of '${this.#group.name}'`)
    const stats = await worker.mitata(time)
    this.#averages.set(one.name, stats.avg / (one.callers ?? 1))
    return stats
  }

  /** Adds these rounds to those there were. */
  async rounds(pace: RoundsPace, onRound: (done: number) => void): Promise<void> {
    this.#times += 1
    this.#measured = pooled(this.#measured, await interleave(this.#workers, pace, onRound))
    for (const worker of this.#workers) {
      for (const complaint of await worker.complaints()) {
        this.#complaints.push(`${this.#group.name}, ${worker.of.name}: ${complaint}`)
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
    for (const worker of this.#workers) worker.stop()
    this.#workers = []
  }
}

export async function emptied(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl)
  await redis.flushall()
  redis.disconnect()
}
