import { serve } from '../child.js'
import { type Replayed, replay } from './replay.js'
import { readTrace } from './trace.js'

/** So few entries tell nothing about a policy. */
const FEWEST = 10

export interface TraceReplayed {
  readonly trace: string
  readonly requests: number
  readonly keys: number
  readonly at: ReadonlyArray<Replayed & { readonly share: number; readonly capacity: number }>
}

const [policy = ''] = process.argv.slice(2)

/** The process of one policy: V8 compiles its loop for it alone. */
const tasks = {
  /** At each share of the distinct keys that comes to enough entries. */
  async replay(file: string, most: number, shares: readonly number[]): Promise<TraceReplayed> {
    const trace = await readTrace(file, most)
    const at = []
    for (const share of shares) {
      const capacity = Math.floor(trace.keys * share)
      if (capacity >= FEWEST) at.push({ share, capacity, ...(await replay(policy, trace, capacity)) })
    }
    return { trace: trace.name, requests: trace.requests.length, keys: trace.keys, at }
  },
}

export type TraceTasks = typeof tasks

serve(tasks)
