import { setImmediate as nextTurn } from 'node:timers/promises'
import { serve } from './child.js'
import { type Case, type Operation, WARM_AFTER } from './group.js'
import { groups } from './groups.js'
import { type MitataStats, measureWithMitata, type Slice, slicesOf } from './measure.js'
import { Stage } from './stage.js'

/** How long a case runs at least before it is measured, and at most, in milliseconds. */
export interface WarmUp {
  readonly warmUp: number
  /** Where it has run too few times by then. */
  readonly longestWarmUp: number
}

interface Staged {
  readonly one: Case
  readonly stage: Stage
  readonly operation: Operation
  readonly slice: Slice
}

let staged: Staged | undefined

/**
 * The process of one case. Cases that share a process share what V8 has learned, the garbage, and what one of them has
 * switched on for all: a floor would be measured with the cache's burden on it.
 */
const tasks = {
  /** Prepares a case and warms it up. Resolves to what a value takes in Redis, where the case has filled it. */
  async prepare(group: string, name: string, redisUrl: string, pace: WarmUp): Promise<number | undefined> {
    const one = groups.find((each) => each.name === group)?.cases.find((each) => each.name === name)
    if (one === undefined) throw new Error(`no case is called '${name}' in '${group}'`)
    const stage = await Stage.open(redisUrl)
    const operation = await one.prepare(stage)
    const slice = slicesOf(one, operation)
    staged = { one, stage, operation, slice }
    const storedBytes = await stage.storedBytes()
    stage.begin()
    await warmUpFor(pace, slice, one)
    return storedBytes
  },

  /** mitata's figures, measured for so many milliseconds. */
  mitata(time: number): Promise<MitataStats> {
    const { one, operation } = onStage()
    return measureWithMitata(one, operation, time)
  },

  /** How long so many operations take, in milliseconds. */
  slice(times: number): Promise<number> {
    return onStage().slice(times)
  },

  /** What speaks against believing what was measured. */
  complaints(): Promise<readonly string[]> {
    return onStage().stage.complaints()
  },
}

export type WorkerTasks = typeof tasks

function onStage(): Staged {
  if (staged === undefined) throw new Error('nothing is prepared')
  return staged
}

/** For so many milliseconds; longer where the calls were too few until then. */
async function warmUpFor({ warmUp, longestWarmUp }: WarmUp, slice: Slice, one: Case): Promise<void> {
  const { callers = 1, warmAfter = WARM_AFTER } = one
  const started = performance.now()
  const elapsed = (): number => performance.now() - started
  let calls = 0
  for (let times = callers; elapsed() < warmUp || (calls < warmAfter && elapsed() < longestWarmUp); ) {
    calls += times
    if ((await slice(times)) < 10) times *= 2
    // So that it is noticed in time when whoever started this has gone.
    await nextTurn()
  }
}

serve(tasks)
