import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** What a process does for another, by name. Arguments and results are what structured clones can carry. */
// biome-ignore lint/suspicious/noExplicitAny: each task has arguments of its own
export type Tasks = Readonly<Record<string, (...args: any[]) => unknown>>

interface Reply {
  readonly result?: unknown
  readonly error?: string
}

interface ChildOptions {
  /** Such as `--expose-gc`. Default none. */
  readonly nodeOptions?: readonly string[]
  /** Whether what it prints is of no interest. Default false. */
  readonly isQuiet?: boolean
}

/** The process was gone before it answered. */
export class ChildEndedError extends Error {
  override readonly name = 'ChildEndedError'
}

/** A process of its own that is asked for one thing after the other. `T` is what its module serves. */
export class Child<T extends Tasks> {
  readonly #child: ChildProcess
  readonly #what: string
  readonly #ended: Promise<never>

  /**
   * @param what it is called in errors, and its module's argument
   */
  constructor(module: URL, what: string, { nodeOptions = [], isQuiet = false }: ChildOptions = {}) {
    this.#what = what
    const output = isQuiet ? 'ignore' : 'inherit'
    this.#child = fork(module, [what], {
      serialization: 'advanced',
      execArgv: [...nodeOptions],
      stdio: ['ignore', output, output, 'ipc'],
    })
    this.#ended = once(this.#child, 'exit').then(([code, signal]) => {
      throw new ChildEndedError(`the process of '${what}' ended: ${signal ?? `exit code ${code}`}`)
    })
    this.#ended.catch(() => {})
  }

  async ask<K extends keyof T & string>(task: K, ...args: Parameters<T[K]>): Promise<Awaited<ReturnType<T[K]>>> {
    // Where it is gone already, its end says so.
    this.#child.send({ task, args }, () => {})
    const late = `the process of '${this.#what}' did not answer '${task}'`
    const reply = await inTime(this.#reply(), MOST, late)
    if (reply.error !== undefined) throw new Error(`'${this.#what}' failed to ${task}: ${reply.error}`)
    return reply.result as Awaited<ReturnType<T[K]>>
  }

  async #reply(): Promise<Reply> {
    const [reply] = await Promise.race([once(this.#child, 'message'), this.#ended])
    return reply
  }

  /** At once, whatever it is doing: it may hang. */
  stop(): void {
    this.#child.kill('SIGKILL')
  }
}

/** Longer than anything that a process of the bench does at once, in milliseconds: the traces take the longest. */
const MOST = 300_000

/** Where there is no answer after so many milliseconds, perhaps because Redis hangs, the bench must not hang. */
export async function inTime<T>(answer: Promise<T>, most: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`${what} in ${most / 1_000} s: is its Redis alive?`)
    timer = setTimeout(() => reject(error), most)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The other side: serves one request after the other, and ends when whoever asked has gone. */
export function serve(tasks: Tasks): void {
  process.on('disconnect', () => process.exit())
  process.on('message', async ({ task, args }: { task: string; args: readonly unknown[] }) => {
    try {
      process.send?.({ result: await tasks[task]?.(...args) } satisfies Reply)
    } catch (error) {
      process.send?.({ error: String(error) } satisfies Reply)
    }
  })
}
