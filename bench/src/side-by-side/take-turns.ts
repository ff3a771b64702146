import { Child } from '../child.js'
import type { PeerKind, Setting } from '../peers/peer.js'
import { peers } from '../peers/peers.js'
import type { Scenario } from './scenario.js'
import type { TurnTasks } from './turn-worker.js'

/** What a peer took, one figure a round, in nanoseconds an operation. */
export interface Taken {
  readonly kind: PeerKind
  readonly rounds: readonly number[]
}

interface TurnsPace {
  /** Milliseconds before anything is measured, for each peer: at least, and at most where it has run too few times then. */
  readonly warmUp: number
  readonly longestWarmUp: number
  /** Milliseconds of one slice. */
  readonly slice: number
  readonly rounds: number
}

const PACES: Readonly<Record<'full' | 'quick', TurnsPace>> = {
  full: { warmUp: 1_500, longestWarmUp: 20_000, slice: 50, rounds: 15 },
  quick: { warmUp: 1_500, longestWarmUp: 6_000, slice: 25, rounds: 9 },
}

/** All peers that can do it, each in a process of its own, taking turns as in `interleave.ts`. */
export class Turns {
  readonly #pace: TurnsPace
  readonly #children: ReadonlyArray<readonly [PeerKind, Child<TurnTasks>]>
  readonly complaints: string[] = []

  constructor(quick: boolean, can: (kind: PeerKind) => boolean) {
    this.#pace = PACES[quick ? 'quick' : 'full']
    const module = new URL('./turn-worker.js', import.meta.url)
    this.#children = peers.filter(can).map((kind) => [kind, new Child(module, kind.name)])
  }

  async measure(
    scenario: Scenario,
    redis: Setting['redis'],
    onRound: (done: number, text: string) => void,
  ): Promise<readonly Taken[]> {
    const { warmUp, longestWarmUp, slice, rounds } = this.#pace
    onRound(0, `${scenario.name}: warming up`)
    await Promise.all(this.#children.map(([, child]) => child.ask('open', scenario.name, redis, warmUp, longestWarmUp)))
    const turns = this.#children.map(([kind, child]) => ({ kind, child, rounds: [] as number[] }))
    for (let round = 0; round < rounds; round++) {
      for (const turn of round % 2 === 0 ? turns : turns.toReversed()) {
        turn.rounds.push(await turn.child.ask('slice', slice))
      }
      onRound((round + 1) / rounds, `${scenario.name}: round ${round + 1} of ${rounds}`)
    }
    for (const { kind, child } of turns) {
      for (const complaint of await child.ask('complaints')) {
        this.complaints.push(`${scenario.name}, ${kind.name}: ${complaint}`)
      }
    }
    return turns
  }

  stop(): void {
    for (const [, child] of this.#children) child.stop()
  }
}
