import { Redis } from 'ioredis'
import type { Case, Group } from './group.js'
import { interleave, type RoundsPace } from './interleave.js'
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

/** A group while it is measured, on a Redis that was emptied for it: first by mitata, case by case, then in rounds. */
export class GroupRun {
  readonly #group: Group
  readonly #pace: Pace
  readonly #workers: readonly WorkerProcess[]
  readonly #averages = new Map<string, number>()

  private constructor(group: Group, pace: Pace, workers: readonly WorkerProcess[]) {
    this.#group = group
    this.#pace = pace
    this.#workers = workers
  }

  static async start(group: Group, redisUrl: string, pace: Pace): Promise<GroupRun> {
    await emptied(redisUrl)
    const starting = group.cases.map((one) => WorkerProcess.start(group, one, redisUrl, pace))
    return new GroupRun(group, pace, await Promise.all(starting))
  }

  async mitata(one: Case): Promise<MitataStats> {
    const worker = this.#workers.find(({ of }) => of === one)
    if (worker === undefined) throw new Error(`'${one.name}' is not of '${this.#group.name}'`)
    const stats = await worker.mitata(this.#pace.table)
    this.#averages.set(one.name, stats.avg / (one.callers ?? 1))
    return stats
  }

  async rounds(onRound: (done: number) => void): Promise<GroupReport> {
    const group = this.#group.name
    const measured = await interleave(this.#workers, this.#pace, onRound)
    const complaints: string[] = []
    for (const worker of this.#workers) {
      for (const complaint of await worker.complaints()) complaints.push(`${group}, ${worker.of.name}: ${complaint}`)
    }
    return {
      complaints,
      cases: measured.map(({ name, rounds }) => {
        return { group, name, ns: median(rounds), mitataNs: this.#averages.get(name) ?? Number.NaN }
      }),
      figures: this.#group.figures.map((figure) => resultOf(group, figure, measured)),
    }
  }

  stop(): void {
    for (const worker of this.#workers) worker.stop()
  }
}

export async function emptied(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl)
  await redis.flushall()
  redis.disconnect()
}
