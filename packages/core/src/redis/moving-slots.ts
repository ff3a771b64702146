import type { Clock } from '../clock.js'
import type { Milliseconds } from '../types.js'
import { Deadlines } from './deadlines.js'
import type { PairScript } from './scripts.js'
import {
  type Argument,
  type Command,
  command,
  OBSOLETE,
  type Reply,
  runScript,
  TIMED_OUT,
  type WhileMoving,
  type Wire,
} from './wire.js'

/** So long it is believed that slots are moving, once it was found out. */
const BELIEVED: Milliseconds = 1_000

/** The part of its time after which a command may have been refused. What must not happen twice is to be late by then. */
export const UNTIL_MOVING = 0.5

/** What else it takes while the slot is moving. */
interface Steps {
  /** What is done first. */
  readonly first?: Command
  /** What the script is given then, where that differs. Called once it is so. */
  args?(): readonly Argument[]
}

/** Runs a script of a value and its lease in a Cluster. */
export function runInCluster(
  script: PairScript,
  [value, lease]: readonly [value: string, lease: string],
  args: readonly Argument[],
  isObsolete?: () => boolean,
  then: Steps = {},
): Command {
  const steps = (): Command[] => {
    const alone = runScript(script.valueAlone, [value], [...(then.args?.() ?? args), lease], isObsolete)
    return then.first === undefined ? [alone] : [then.first, alone]
  }
  return { ...runScript(script, [value, lease], args, isObsolete), whileMoving: { key: value, steps } }
}

/**
 * Deletes a value and its lease in a Cluster. Nobody is to keep the lease, nor to take it in between, so while the slot is
 * moving it goes first and last.
 */
export function deleteInCluster(value: string, lease: string): Command {
  const steps = (): Command[] => [lease, value, lease].map((name) => command('del', name))
  return { ...command('del', value, lease), whileMoving: { key: value, steps } }
}

/**
 * Commands to a Cluster, whose slots may move. While one does, its keys are here and there, and what names two of them is
 * refused (TRYAGAIN). ioredis keeps that to itself and tries again, by default every 100 ms: nobody waits that long. So
 * who has waited for a part of his time sends a command of one key after it. Where that is answered first, the other one was
 * refused; and for a while everything goes as `Command.whileMoving` says.
 */
export class MovingSlots {
  readonly #wire: Wire
  readonly #clock: Clock
  readonly #suspicions: Deadlines
  #believedUntil = Number.NEGATIVE_INFINITY

  constructor(wire: Wire, clock: Clock) {
    this.#wire = wire
    this.#clock = clock
    this.#suspicions = new Deadlines(clock)
  }

  /** As `Wire.send`. */
  send(commands: readonly Command[], patience: Milliseconds, done: (replies: readonly Reply[]) => void): void {
    if (!commands.some(isOfTwoKeys)) {
      this.#wire.send(commands, patience, done)
      return
    }
    const replies = new Array<Reply>(commands.length)
    let missing = commands.length
    for (const [index, command] of commands.entries()) {
      this.#sendOne(command, patience, (reply) => {
        replies[index] = reply
        missing -= 1
        if (missing === 0) done(replies)
      })
    }
  }

  close(): void {
    this.#suspicions.close()
  }

  #sendOne(command: Command, patience: Milliseconds, done: (reply: Reply) => void): void {
    const { whileMoving } = command
    if (whileMoving === undefined) {
      this.#ask(command, patience, done)
      return
    }
    const due = this.#clock.precise() + patience
    const inSteps = (done: (reply: Reply) => void): void => this.#inSteps(command, whileMoving.steps(), due, done)
    if (this.#clock.now() < this.#believedUntil) {
      inSteps(done)
      return
    }
    this.#sendWhole(command, whileMoving, patience, done, () =>
      inSteps((reply) => {
        // Steps alone tell nothing: they would go on for as long as there is something to do.
        if (reply.ok) this.#believedUntil = this.#clock.now() + BELIEVED
        done(reply)
      }),
    )
  }

  #sendWhole(
    whole: Command,
    { key }: WhileMoving,
    patience: Milliseconds,
    done: (reply: Reply) => void,
    inSteps: () => void,
  ): void {
    let isOver = false
    const end = (next: () => void): void => {
      if (isOver) return
      isOver = true
      this.#suspicions.end(suspicion)
      next()
    }
    const suspicion = this.#suspicions.begin(patience * UNTIL_MOVING, () => {
      // Asked after it, of the same server: an answer to this one overtakes none but what was refused. A script, because
      // what only reads may go to a replica.
      this.#ask(command('eval', 'return 1', 1, key), patience * (1 - UNTIL_MOVING), (reply) => reply.ok && end(inSteps))
    })
    this.#ask(whole, patience, (reply) => end(() => (isRefused(reply) ? inSteps() : done(reply))))
  }

  /** One after the other, unless what has come since makes them obsolete. Their reply is the last one's. */
  #inSteps(whole: Command, steps: readonly Command[], due: Milliseconds, done: (reply: Reply) => void): void {
    const [step, ...others] = steps as [Command, ...Command[]]
    const left = due - this.#clock.precise()
    if (whole.isObsolete?.()) done(OBSOLETE)
    else if (left <= 0) done(TIMED_OUT)
    else {
      this.#ask(step, left, (reply) => {
        if (reply.ok && others.length > 0) this.#inSteps(whole, others, due, done)
        else done(reply)
      })
    }
  }

  #ask(command: Command, patience: Milliseconds, done: (reply: Reply) => void): void {
    this.#wire.send([command], patience, ([reply]) => done(reply as Reply))
  }
}

function isOfTwoKeys({ whileMoving }: Command): boolean {
  return whileMoving !== undefined
}

function isRefused(reply: Reply): boolean {
  return !reply.ok && reply.error === 'cluster'
}
