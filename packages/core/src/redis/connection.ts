import type { Clock } from '../clock.js'
import type { ErrorType } from '../outcome.js'
import type { Milliseconds, RedisLike } from '../types.js'
import type { Budget } from './budget.js'
import { failureOf, isUnknownScript } from './failure.js'
import { FirstAttempt } from './first-attempt.js'
import type { Script } from './scripts.js'

/** What became of a command; commands never throw. Texts arrive as Buffers. */
export type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: ErrorType }

type Argument = string | number | Uint8Array

export interface Command {
  readonly name: string
  readonly args: readonly Argument[]
  /** What to send instead where Redis does not know the script. */
  readonly source?: string
  /** Whether sending it now, late, would undo what has come since. */
  readonly isObsolete?: () => boolean
}

export function command(name: string, ...args: Argument[]): Command {
  return { name, args }
}

export function runScript(
  { sha, source }: Script,
  keys: readonly string[],
  args: readonly Argument[],
  isObsolete: () => boolean = () => false,
): Command {
  return { name: 'evalsha', args: [sha, keys.length, ...keys, ...args], source, isObsolete }
}

const TIMED_OUT: Reply = { ok: false, error: 'timeout' }
/** A script that was not sent: to it, what it is about has ended. */
const OBSOLETE: Reply = { ok: true, value: 0 }
/** A timer that is later than this tells of a stalled event loop. */
const STALL: Milliseconds = 10
const NOT_CONNECTED: Reply = { ok: false, error: 'connection' }

/**
 * The application's client, with a deadline on every wait. It stays the application's: all that is done to it is to ask,
 * and to listen for the end of its first attempt to connect.
 */
export class RedisConnection {
  readonly isCluster: boolean
  readonly client: RedisLike
  readonly #clock: Clock
  readonly #call: (command: Command) => Promise<unknown>
  readonly #firstAttempt: FirstAttempt

  constructor(client: RedisLike, clock: Clock) {
    this.client = client
    this.#clock = clock
    this.#call = callerOf(client)
    this.#firstAttempt = FirstAttempt.of(client)
    this.isCluster = typeof client.nodes === 'function'
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
    this.#firstAttempt.leave()
  }

  /** Undefined once Redis may be asked. */
  async #connected(patience: Milliseconds): Promise<Reply | undefined> {
    if (this.#firstAttempt.hasEnded) return NOT_CONNECTED
    // Any command wakes a client that connects lazily. This one's fate is nobody's concern.
    if (this.client.status === 'wait') this.client.call('ping').catch(() => {})
    await new Promise<void>((resolve) => {
      const cancel = this.#atDeadline(patience, resolve)
      this.#firstAttempt.end.then(() => {
        cancel()
        resolve()
      })
    })
    if (this.client.status === 'ready') return undefined
    return this.#firstAttempt.hasEnded ? NOT_CONNECTED : TIMED_OUT
  }

  /** Every layer of promises here is paid by each read, so there is one. */
  #replies(commands: readonly Command[], patience: Milliseconds): Promise<readonly Reply[]> {
    if (commands.length === 0) return Promise.resolve([])
    return new Promise((resolve) => {
      const replies = new Array<Reply>(commands.length).fill(TIMED_OUT)
      let missing = commands.length
      // A copy: what arrives later belongs to nobody.
      const cancel = this.#atDeadline(patience, () => resolve(replies.slice()))
      for (const [index, command] of commands.entries()) {
        this.#run(command, (reply) => {
          replies[index] = reply
          missing -= 1
          if (missing > 0) return
          cancel()
          resolve(replies)
        })
      }
    })
  }

  #run(command: Command, done: (reply: Reply) => void): void {
    const fail = (error: unknown): void => {
      const { source, isObsolete } = command
      if (source === undefined || !isUnknownScript(error)) done({ ok: false, error: failureOf(error) })
      // What has come between its first sending and its second must have the last word.
      else if (isObsolete?.()) done(OBSOLETE)
      else this.#run({ name: 'eval', args: [source, ...command.args.slice(1)] }, done)
    }
    try {
      this.#call(command).then((value) => done({ ok: true, value }), fail)
    } catch (error) {
      fail(error)
    }
  }

  /**
   * Calls back when the time is up and what had arrived by then has been handled. By how much the timer itself was late
   * the event loop was stalled, which is no fault of Redis: that much time is given once more.
   */
  #atDeadline(patience: Milliseconds, expired: () => void): () => void {
    const clock = this.#clock
    const due = clock.precise() + patience
    const expire = (): void => clock.afterArrivals(expired)
    let cancel = clock.after(patience, () => {
      const stall = clock.precise() - due
      if (stall < STALL) expire()
      else cancel = clock.after(Math.min(stall, patience), expire)
    })
    return () => cancel()
  }
}

/**
 * How to send a command. With auto-pipelining ioredis 5 and 6 lose the name of what comes through `callBuffer`, so there
 * the command's own method is called.
 */
function callerOf(client: RedisLike): (command: Command) => Promise<unknown> {
  const { options } = client as { options?: { enableAutoPipelining?: boolean } }
  if (!options?.enableAutoPipelining) return ({ name, args }) => client.callBuffer(name, ...args)
  const methods = client as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  return async ({ name, args }) => methods[`${name}Buffer`]?.call(client, ...args)
}
