import type { RedisServer } from '@otel-cache/test-servers'
import type { Peer } from '../peers/peer.js'

/** Something that goes wrong, and what comes of it, in a process of its own. */
export interface Failure {
  /** In the table's head. */
  readonly name: string
  /** Resolves to what was found, in a few words. */
  run(stage: FailureStage): Promise<string>
}

export interface FailureStage {
  /** A Redis of its own. */
  readonly server: RedisServer
  /** Whether it has memory in front of Redis. */
  readonly hasMemory: boolean
  /** As many as wanted, with two tiers where the peer has them; all share what is in Redis. */
  open(load: (key: string) => unknown): Promise<Peer>
}

/** How long a call may take before it is given up, in milliseconds. */
const CUT = 3_000

/** What became of a call, and when: `value, 101 ms`, `error, 20 ms` or `over 3 s`. */
export async function outcomeOf(call: () => Promise<unknown>, textOf: (value: unknown) => string): Promise<string> {
  const started = performance.now()
  const took = (): string => `${Math.round(performance.now() - started)} ms`
  const givenUp = new Promise<string>((resolve) => setTimeout(resolve, CUT, `over ${CUT / 1_000} s`))
  const outcome = call().then(
    (value) => `${textOf(value)}, ${took()}`,
    () => `error, ${took()}`,
  )
  return Promise.race([outcome, givenUp])
}
