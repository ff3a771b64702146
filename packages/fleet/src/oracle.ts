import {
  type Change,
  type Deed,
  type History,
  historyOf,
  type Testimony,
  type Version,
  type Window,
} from './history.js'
import { KIND, operationAt, STRIDE } from './journal.js'
import { countDoubleLoads } from './loads.js'
import { Replacements } from './replacements.js'
import { type Distribution, distributionOf } from './statistics.js'

/** What the oracle must know beside what was recorded. Milliseconds. */
export interface Judging {
  /** `maxStaleness` of the caches. */
  readonly bound: number
  /** Between an instant and its record: a busy machine's. */
  readonly slack: number
  /** After which a write that was not confirmed is not applied any more. */
  readonly late: number
  /** When Redis itself may have lost what it had confirmed. */
  readonly windows: readonly Window[]
}

type Rule = 'bound' | 'fence' | 'own write' | 'in redis' | 'unknown value' | 'wrong key'

/** A read that should not have been, and why. */
export interface Violation {
  readonly rule: Rule
  readonly read: Deed
  /** What had replaced the value, and how long before the read. */
  readonly change: Deed | undefined
  readonly age: number
  /** What happened to the key from when the value came into being until the read. */
  readonly history: readonly Deed[]
}

export interface Verdict {
  readonly operations: number
  readonly reads: number
  /** Reads that found a value. */
  readonly hits: number
  readonly changes: number
  readonly loads: number
  /** Loads beside another process's load of the same key, which nothing had ended. */
  readonly doubleLoads: number
  /** How long before a read the value that it found had been replaced: 0 for most. */
  readonly staleness: Distribution
  /** The same of those alone that found one that had been. */
  readonly ofStale: Distribution
  readonly violationCount: number
  /** How many there were of each rule. */
  readonly rules: Readonly<Partial<Record<Rule, number>>>
  /** The first ones. */
  readonly violations: readonly Violation[]
}

const KEPT_VIOLATIONS = 5
/** The first and the last ones. */
const KEPT_HISTORY = 12

/**
 * Decides for every read whether it was legal, from what all processes recorded. All times are of one clock.
 *
 * A value is *replaced* by a change that began after the value was certainly there, and was confirmed. `returned` is when
 * the change's caller knew: the change itself happened before.
 *
 * - A value of `set` that was confirmed is there once the call has returned. One that was not confirmed, or whose process
 *   was killed, may appear until `late` after that; it is replaced by what began later still.
 * - A value that was loaded is replaced by every `set`, `delete`, `deleteByTag` and `clear` that began after the load did,
 *   whenever it is stored: that is the fence. What this SDK did not write (a raw SET or DEL, FLUSHALL) fences nothing; it
 *   replaces what was stored before, that is `late` after the call that loaded had returned.
 * - A change that was not confirmed replaces nothing until its process has replayed it. To that process a delete is as
 *   good as done: it deletes before it reads. (A `set` that gave way to a newer change is no such demand.)
 * - Redis seen to hold another value, or none, is a change as well: what was there before does not come back. So two
 *   writes at once, of which nobody can tell which one won, are decided after all.
 * - What overlaps a window, in which Redis itself may have lost what it had confirmed, replaces nothing.
 *
 * Then, for a read of a value that was replaced by a change that returned at w:
 *
 * - *bound* (*fence*, for a value that was loaded while the change came): it began no later than w + bound + slack. It
 *   counts from the turn of the event loop in which it began, because caches read their clock once per turn.
 * - *own write*: in the process that made the change it began before w.
 * - *in redis*: in Redis itself the value is not found by a look that began after w.
 *
 * And every value read was written, under that key. A miss is always legal.
 */
export function judge(testimonies: readonly Testimony[], judging: Judging): Verdict {
  const history = historyOf(testimonies, judging.windows, judging.late)
  const trial = new Trial(history, judging)
  for (const testimony of testimonies) trial.hear(testimony)
  return trial.verdict()
}

function endsOf(history: readonly Deed[]): readonly Deed[] {
  if (history.length <= 2 * KEPT_HISTORY) return history
  return [...history.slice(0, KEPT_HISTORY), ...history.slice(-KEPT_HISTORY)]
}

class Trial {
  readonly #history: History
  readonly #replacements: Replacements
  readonly #judging: Judging
  readonly #counts = { operations: 0, reads: 0, hits: 0, changes: 0, loads: 0, violationCount: 0 }
  readonly #stale: number[] = []
  readonly #violations: Violation[] = []
  readonly #rules: Partial<Record<Rule, number>> = {}

  constructor(history: History, judging: Judging) {
    this.#history = history
    this.#replacements = new Replacements(history)
    this.#judging = judging
  }

  hear({ process, records }: Testimony): void {
    const counts = this.#counts
    for (let at = 0; at < records.length; at += STRIDE) {
      const kind = records[at] as number
      if (kind === KIND.beginLoad) counts.loads += 1
      if (kind > KIND.clear) continue
      counts.operations += 1
      if (kind > KIND.inspect) {
        counts.changes += 1
        continue
      }
      counts.reads += 1
      const value = records[at + 4] as number
      if (value <= 0) continue
      counts.hits += 1
      this.#hearHit(records, at, this.#history.versions.get(value), process)
    }
  }

  #hearHit(records: Float64Array, at: number, version: Version | undefined, process: number): void {
    const [kind, subject, start, turn] = [records[at], records[at + 1], records[at + 2] as number, records[at + 5]]
    if (version === undefined || version.key !== subject) {
      this.#accuse(version === undefined ? 'unknown value' : 'wrong key', records, at, process)
      return
    }
    const change = this.#replacements.of(version)
    if (change !== undefined && start > change.returned) {
      if (kind === KIND.inspect) this.#accuse('in redis', records, at, process, version, change)
      else {
        this.#stale.push(start - change.returned)
        const isLate = (turn as number) > change.returned + this.#judging.bound + this.#judging.slack
        const rule = version.landed > change.start && version.began.kind === KIND.beginLoad ? 'fence' : 'bound'
        if (isLate) this.#accuse(rule, records, at, process, version, change)
      }
    }
    if (kind === KIND.inspect) return
    const own = this.#replacements.ownOf(version, process)
    if (own !== undefined && start > own.returned) this.#accuse('own write', records, at, process, version, own)
  }

  #accuse(rule: Rule, records: Float64Array, at: number, process: number, version?: Version, change?: Change): void {
    this.#counts.violationCount += 1
    this.#rules[rule] = (this.#rules[rule] ?? 0) + 1
    if (this.#violations.length >= KEPT_VIOLATIONS) return
    const read = { ...operationAt(records, at), process }
    const { all } = this.#history.keys[read.subject] ?? { all: [] }
    const from = version?.began.start ?? read.start
    const history = all.filter(({ start, end }) => Math.max(start, end) >= from && start <= read.end)
    const age = change === undefined ? 0 : read.start - change.returned
    this.#violations.push({ rule, read, change: change?.deed, age, history: endsOf(history) })
  }

  verdict(): Verdict {
    return {
      ...this.#counts,
      doubleLoads: countDoubleLoads(this.#history),
      staleness: distributionOf(this.#stale, this.#counts.hits - this.#stale.length),
      ofStale: distributionOf(this.#stale),
      rules: this.#rules,
      violations: this.#violations,
    }
  }
}
