import type { Clock } from '../clock.js'
import type { Failure } from '../outcome.js'
import type { Milliseconds, RedisLike } from '../types.js'
import { Deadlines } from './deadlines.js'
import { failureOf, isUnknownScript } from './failure.js'
import type { Script } from './scripts.js'

/** What became of a command; commands never throw. Texts arrive as Buffers. */
export type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: Failure }

export type Argument = string | number | Uint8Array

export interface Command {
  readonly name: string
  readonly args: readonly Argument[]
  /** What to send instead where Redis does not know the script. */
  readonly source?: string
  /** Whether sending it now, late, would undo what has come since. */
  readonly isObsolete?: () => boolean
  /** Of what names two keys in a Cluster. */
  readonly whileMoving?: WhileMoving
}

/** How to do the same while a slot is moving and each of its keys may be on another server. */
export interface WhileMoving {
  /** One of its keys. */
  readonly key: string
  /** Commands of one key, to be sent one after the other, each made of the value of the reply before it. */
  readonly steps: ReadonlyArray<(before: unknown) => Command>
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

export const TIMED_OUT: Reply = { ok: false, error: 'timeout' }
/** A script that was not sent: to it, what it is about has ended. */
export const OBSOLETE: Reply = { ok: true, value: 0 }

/** Commands to one server and their replies, with a deadline. */
export class Wire {
  readonly #deadlines: Deadlines
  readonly #call: (command: Command) => Promise<unknown>

  constructor(client: RedisLike, clock: Clock) {
    this.#deadlines = new Deadlines(clock)
    this.#call = callerOf(client)
  }

  /**
   * Sends the commands together and calls back, later, once all are answered; the late ones have timed out. Every layer of
   * promises here would be paid by each read, so there is none.
   */
  send(commands: readonly Command[], patience: Milliseconds, done: (replies: readonly Reply[]) => void): void {
    if (commands.length === 0) {
      done([])
      return
    }
    const replies = new Array<Reply>(commands.length).fill(TIMED_OUT)
    let missing = commands.length
    let isOver = false
    const end = (): void => {
      isOver = true
      this.#deadlines.end(deadline)
      done(replies)
    }
    const deadline = this.#deadlines.begin(patience, end)
    for (const [index, command] of commands.entries()) {
      this.run(command, (reply) => {
        // What arrives later belongs to nobody.
        if (isOver) return
        replies[index] = reply
        missing -= 1
        if (missing === 0) end()
      })
    }
  }

  /** As `send`. */
  ask(commands: readonly Command[], patience: Milliseconds): Promise<readonly Reply[]> {
    return new Promise((resolve) => this.send(commands, patience, resolve))
  }

  close(): void {
    this.#deadlines.close()
  }

  /** Sends one command and calls back with its reply, however late. */
  run(command: Command, done: (reply: Reply) => void): void {
    const fail = (error: unknown): void => {
      const { source, isObsolete } = command
      if (source === undefined || !isUnknownScript(error)) done({ ok: false, error: failureOf(error) })
      // What has come between its first sending and its second must have the last word.
      else if (isObsolete?.()) done(OBSOLETE)
      else this.run({ name: 'eval', args: [source, ...command.args.slice(1)] }, done)
    }
    try {
      this.#call(command).then((value) => done({ ok: true, value }), fail)
    } catch (error) {
      fail(error)
    }
  }
}

interface Pipelining {
  readonly options?: { readonly enableAutoPipelining?: boolean }
  pipeline(): { callBuffer(...args: unknown[]): unknown; exec(): Promise<ReadonlyArray<[Error | null, unknown]>> }
}

/**
 * How to send a command. Auto-pipelining would send it a turn later in the context of whoever came first, so that its
 * span would hang in a stranger's trace; and ioredis 5 and 6 then lose the name of what comes through `callBuffer`. A
 * pipeline of one's own is sent at once.
 */
function callerOf(client: RedisLike): (command: Command) => Promise<unknown> {
  const pipelining = client as unknown as Pipelining
  if (!pipelining.options?.enableAutoPipelining || typeof pipelining.pipeline !== 'function') {
    return ({ name, args }) => client.callBuffer(name, ...args)
  }
  return async ({ name, args }) => {
    const pipeline = pipelining.pipeline()
    pipeline.callBuffer(name, ...args)
    const [result] = await pipeline.exec()
    const [error, reply] = result as [Error | null, unknown]
    if (error !== null) throw error
    return reply
  }
}

/** A client may be set to give numbers as strings. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return /^-?\d+$/.test(String(value)) ? Number(value) : undefined
}
