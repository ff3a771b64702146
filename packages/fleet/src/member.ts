import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { now } from './journal.js'
import type { Answer, Plan, Request, Stopped } from './messages.js'

/** Where the compiled worker lies, seen from `src` as from `dist`. */
const WORKER = fileURLToPath(new URL('../dist/worker.js', import.meta.url))
const EXIT_TIMEOUT = 10_000
const KEPT_OUTPUT = 4_096

/** One process of the fleet, seen from outside. */
export class Member {
  readonly plan: Plan
  /** When it was killed, on the clock of the journals. */
  killedAt: number | undefined
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #answers: Answer[] = []
  #waiting: Array<() => void> = []
  #hasExited = false
  #output = ''

  private constructor(plan: Plan) {
    this.plan = plan
    const child = fork(WORKER, { execArgv: [], stdio: ['ignore', 'inherit', 'pipe', 'ipc'] })
    this.#child = child
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-KEPT_OUTPUT)
    })
    child.on('message', (answer: Answer) => {
      this.#answers.push(answer)
      this.#wake()
    })
    this.#exited = once(child, 'close').then(() => {
      this.#hasExited = true
      this.#wake()
    })
  }

  /** Resolves once its cache is ready. */
  static async start(plan: Plan): Promise<Member> {
    const member = new Member(plan)
    try {
      member.send(plan)
      await member.answer('ready')
      return member
    } catch (error) {
      await member.kill()
      throw error
    }
  }

  get pid(): number {
    return this.#child.pid as number
  }

  get isDead(): boolean {
    return this.#hasExited || this.killedAt !== undefined
  }

  send(message: Plan | Request): void {
    // It may have been killed: then its `answer` says so.
    this.#child.send(message, () => {})
  }

  /** The next answer of this kind. Rejects where the process ends without it, with what it said. */
  async answer<K extends Answer['kind']>(kind: K): Promise<Extract<Answer, { kind: K }>> {
    for (;;) {
      const index = this.#answers.findIndex((one) => one.kind === kind)
      if (index !== -1) return this.#answers.splice(index, 1)[0] as Extract<Answer, { kind: K }>
      if (this.#hasExited) throw this.#died(`ended without '${kind}'`)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Ends its work and its cache, and waits for the end of the process: a closed cache keeps none alive. */
  async stop(): Promise<Stopped> {
    this.send({ kind: 'stop' })
    const stopped = await this.answer('stopped')
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), EXIT_TIMEOUT)
    })
    const ended = await Promise.race([this.#exited, late])
    clearTimeout(timer)
    if (ended === 'late') {
      await this.kill()
      throw this.#died('was kept alive after its cache had been closed')
    }
    if (this.#child.exitCode !== 0) throw this.#died('did not end well')
    return stopped
  }

  /** Resolves once it has gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
    this.killedAt ??= now()
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #died(what: string): Error {
    return new Error(`process ${this.plan.process} ${what}: ${this.#output.trim() || this.#child.signalCode}`)
  }
}
