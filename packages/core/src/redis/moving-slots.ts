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

/** How a script goes while the slot of its keys is moving, where that takes more than to name the value alone. */
interface Steps {
  /** What is done before it. */
  readonly first?: Command
  /** What it is given then. Called once it is so. */
  args?(): readonly Argument[]
}

/** Runs a script of a value and its lease in a Cluster. */
export function runInCluster(
  script: PairScript,
  [value, lease]: readonly [value: string, lease: string],
  args: readonly Argument[],
  isObsolete?: () => boolean,
  { first, args: argsThen }: Steps = {},
): Command {
  const alone = (): Command => runScript(script.valueAlone, [value], [...(argsThen?.() ?? args), lease], isObsolete)
  const steps = first === undefined ? [alone] : [() => first, alone]
  return { ...runScript(script, [value, lease], args, isObsolete), whileMoving: { key: value, steps } }
}

/**
 * Claims a key in a Cluster. While its slot is moving a lease that is held may still be where the value would not be: a
 * second one beside the value would stand in the way of the first, which has to move there.
 *
 * @param again what the script is given while the slot is moving
 */
export function claimInCluster(
  script: PairScript,
  [value, lease]: readonly [value: string, lease: string],
  args: readonly Argument[],
  again: () => readonly Argument[],
): Command {
  const steps = [
    () => command('get', lease),
    (holder: unknown) =>
      holder === null
        ? runScript(script.valueAlone, [value], [...again(), lease])
        : runScript(script.leaseAlone, [lease], [...again(), value]),
  ]
  return { ...runScript(script, [value, lease], args), whileMoving: { key: value, steps } }
}

/**
 * Deletes a value and its lease in a Cluster. Nobody is to keep the lease, nor to take it in between, so while the slot is
 * moving it goes first and last.
 */
export function deleteInCluster(value: string, lease: string): Command {
  const steps = [lease, value, lease].map((name) => () => command('del', name))
  return { ...command('del', value, lease), whileMoving: { key: value, steps } }
}

/**
 * Commands to a Cluster, whose slots may move. While one does, its keys are here and there, and what names two of them is
 * refused (TRYAGAIN). ioredis keeps that to itself and tries again, by default every 100 ms: nobody waits that long. So
 * who has waited for a part of his time sends a command of one key after it. Where that is answered first, the other one
 * was refused; and for a while everything goes as `Command.whileMoving` says.
 */
export class MovingSlots {
  readonly #wire: Wire
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  #believedUntil = Number.NEGATIVE_INFINITY

  constructor(wire: Wire, clock: Clock) {
    this.#wire = wire
    this.#clock = clock
    this.#deadlines = new Deadlines(clock)
  }

  /** As `Wire.send`. */
  send(commands: readonly Command[], patience: Milliseconds, done: (replies: readonly Reply[]) => void): void {
    if (!commands.some(isOfTwoKeys)) {
      this.#wire.send(commands, patience, done)
      return
    }
    const areMoving = this.#clock.now() < this.#believedUntil
    const trips = commands.map((command) => new Trip(command))
    let missing = trips.length
    const end = (): void => {
      this.#deadlines.end(deadline)
      if (suspicion !== undefined) this.#deadlines.end(suspicion)
      done(trips.map((trip) => trip.reply ?? TIMED_OUT))
    }
    const arrived = (): void => {
      missing -= 1
      if (missing === 0) end()
    }
    const deadline = this.#deadlines.begin(patience, () => {
      for (const trip of trips) trip.abandon()
      end()
    })
    const suspicion = areMoving
      ? undefined
      : this.#deadlines.begin(patience * UNTIL_MOVING, () => {
          for (const trip of trips) this.#suspect(trip, arrived)
        })
    for (const trip of trips) {
      if (areMoving && isOfTwoKeys(trip.command)) this.#inSteps(trip, arrived)
      else this.#whole(trip, arrived)
    }
  }

  close(): void {
    this.#deadlines.close()
  }

  #whole(trip: Trip, arrived: () => void): void {
    this.#wire.run(trip.command, (reply) => {
      if (!trip.isWhole) return
      if (isRefused(reply) && isOfTwoKeys(trip.command)) this.#findOut(trip, arrived)
      else trip.end(reply, arrived)
    })
  }

  /** Asked after it, of the same server: an answer to this one overtakes none but what was refused. */
  #suspect(trip: Trip, arrived: () => void): void {
    const { whileMoving } = trip.command
    if (whileMoving === undefined || !trip.isWhole) return
    // A script, because what only reads may go to a replica.
    this.#wire.run(command('eval', 'return 1', 1, whileMoving.key), (reply) => {
      if (reply.ok && trip.isWhole) this.#findOut(trip, arrived)
    })
  }

  /** Steps that follow others tell nothing: it would be believed for as long as there is something to do. */
  #findOut(trip: Trip, arrived: () => void): void {
    this.#inSteps(trip, () => {
      if (trip.reply?.ok) this.#believedUntil = this.#clock.now() + BELIEVED
      arrived()
    })
  }

  /** One after the other, unless what has come since makes them obsolete. Their reply is the last one's. */
  #inSteps(trip: Trip, arrived: () => void): void {
    trip.isWhole = false
    const { isObsolete, whileMoving } = trip.command
    const { steps } = whileMoving as WhileMoving
    const take = (at: number, before: unknown): void => {
      const step = steps[at]
      if (step === undefined) trip.end({ ok: true, value: before }, arrived)
      else if (isObsolete?.()) trip.end(OBSOLETE, arrived)
      else {
        this.#wire.run(step(before), (reply) => {
          if (trip.isOver) return
          if (reply.ok) take(at + 1, reply.value)
          else trip.end(reply, arrived)
        })
      }
    }
    take(0, undefined)
  }
}

/** A command on its way. */
class Trip {
  readonly command: Command
  reply: Reply | undefined
  /** It was sent as it is, and nothing else for it. */
  isWhole = true
  isOver = false

  constructor(command: Command) {
    this.command = command
  }

  end(reply: Reply, arrived: () => void): void {
    if (this.isOver) return
    this.abandon()
    this.reply = reply
    arrived()
  }

  /** What arrives later belongs to nobody. */
  abandon(): void {
    this.isOver = true
    this.isWhole = false
  }
}

function isOfTwoKeys({ whileMoving }: Command): boolean {
  return whileMoving !== undefined
}

function isRefused(reply: Reply): boolean {
  return !reply.ok && reply.error === 'cluster'
}
