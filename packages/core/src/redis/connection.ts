import type { Clock } from '../clock.js'
import type { ErrorType } from '../outcome.js'
import type { Milliseconds, RedisLike } from '../types.js'
import type { Budget } from './budget.js'
import { failureOf, isUnknownScript } from './failure.js'
import type { Script } from './scripts.js'

/** What became of a command; commands never throw. Texts arrive as Buffers. */
export type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: ErrorType }

type Argument = string | number | Uint8Array

export interface Command {
  readonly name: string
  readonly args: readonly Argument[]
  /** What to send instead where Redis does not know the script. */
  readonly source?: string
}

export function command(name: string, ...args: Argument[]): Command {
  return { name, args }
}

export function runScript(script: Script, keys: readonly string[], args: readonly Argument[]): Command {
  return { name: 'evalsha', args: [script.sha, keys.length, ...keys, ...args], source: script.source }
}

const TIMED_OUT: Reply = { ok: false, error: 'timeout' }
const NOT_CONNECTED: Reply = { ok: false, error: 'connection' }

/** Until the client's first attempt to connect has ended, one way or the other, calls wait for it. */
const FIRST_ATTEMPT: ReadonlySet<string> = new Set(['wait', 'connecting', 'connect'])
const ATTEMPT_ENDS = ['ready', 'close', 'end']

/**
 * The application's client, with a deadline on every wait. It stays the application's: all that is done to it is to ask,
 * and to listen for the end of its first attempt to connect.
 */
export class RedisConnection {
  readonly isCluster: boolean
  readonly client: RedisLike
  readonly #clock: Clock
  #firstAttempt: Promise<void> | undefined
  #endFirstAttempt: () => void = () => {}

  constructor(client: RedisLike, clock: Clock) {
    this.client = client
    this.#clock = clock
    this.isCluster = typeof client.nodes === 'function'
    if (FIRST_ATTEMPT.has(client.status)) this.#firstAttempt = this.#attemptEnds()
  }

  /** Sends the commands together and waits for all of them within the budget; the late ones have timed out. */
  async send(commands: readonly Command[], budget: Budget): Promise<readonly Reply[]> {
    budget.begin()
    try {
      const refused = this.client.status === 'ready' ? undefined : await this.#connected(budget.left)
      return refused ? commands.map(() => refused) : await this.#replies(commands, budget.left)
    } finally {
      budget.end()
    }
  }

  async sendOne(command: Command, budget: Budget): Promise<Reply> {
    const [reply] = await this.send([command], budget)
    return reply as Reply
  }

  close(): void {
    this.#endFirstAttempt()
  }

  #attemptEnds(): Promise<void> {
    return new Promise((resolve) => {
      this.#endFirstAttempt = () => {
        for (const event of ATTEMPT_ENDS) this.client.off(event, this.#endFirstAttempt)
        this.#firstAttempt = undefined
        resolve()
      }
      for (const event of ATTEMPT_ENDS) this.client.on(event, this.#endFirstAttempt)
    })
  }

  /** Undefined once Redis may be asked. */
  async #connected(patience: Milliseconds): Promise<Reply | undefined> {
    if (this.#firstAttempt === undefined) return NOT_CONNECTED
    // Any command wakes a client that connects lazily. This one's fate is nobody's concern.
    if (this.client.status === 'wait') this.client.call('ping').catch(() => {})
    await this.#waitFor([this.#firstAttempt], patience)
    if (this.client.status === 'ready') return undefined
    return this.#firstAttempt === undefined ? NOT_CONNECTED : TIMED_OUT
  }

  async #replies(commands: readonly Command[], patience: Milliseconds): Promise<readonly Reply[]> {
    const replies: Reply[] = commands.map(() => TIMED_OUT)
    const arrivals = commands.map(async (command, index) => {
      replies[index] = await this.#run(command)
    })
    await this.#waitFor(arrivals, patience)
    return replies.slice()
  }

  async #run(command: Command): Promise<Reply> {
    try {
      return { ok: true, value: await this.client.callBuffer(command.name, ...command.args) }
    } catch (error) {
      if (command.source !== undefined && isUnknownScript(error)) {
        return this.#run({ name: 'eval', args: [command.source, ...command.args.slice(1)] })
      }
      return { ok: false, error: failureOf(error) }
    }
  }

  /** Waits for all of them, or until the deadline and what had arrived by then: a stalled loop is no fault of Redis. */
  #waitFor(arrivals: readonly Promise<void>[], patience: Milliseconds): Promise<void> {
    return new Promise((resolve) => {
      let missing = arrivals.length
      const cancel = this.#clock.after(Math.max(0, patience), () => this.#clock.afterArrivals(resolve))
      const arrived = (): void => {
        missing -= 1
        if (missing > 0) return
        cancel()
        resolve()
      }
      for (const arrival of arrivals) arrival.then(arrived)
    })
  }
}
