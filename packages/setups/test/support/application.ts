import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** What a program tells with `process.send`. */
type Message = Readonly<Record<string, unknown>>

/** A program that runs. */
export class Application {
  readonly #child: ChildProcess
  readonly #messages: Message[] = []
  readonly #ended: Promise<number | string | null>
  #output = ''
  #told = () => {}

  /** @param nodeArgs such as `--import` with what it imports */
  constructor(
    folder: string,
    program: string,
    options: { nodeArgs?: string[]; node?: string; args?: string[] | undefined; env?: NodeJS.ProcessEnv },
  ) {
    const { PATH, HOME } = process.env
    this.#child = fork(program, options.args ?? [], {
      cwd: folder,
      // Nothing of what the tests run with, such as NODE_OPTIONS or OTEL_*.
      env: { PATH, HOME, ...options.env },
      execArgv: options.nodeArgs ?? [],
      execPath: options.node ?? process.execPath,
      silent: true,
    })
    const streams = [this.#child.stdout, this.#child.stderr].filter((stream) => stream !== null)
    for (const stream of streams) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
      })
    }
    this.#child.on('message', (message: Message) => {
      this.#messages.push(message)
      this.#told()
    })
    // Node emits no `close` after a `disconnect`.
    const closed = streams.map((stream) => once(stream, 'close'))
    this.#ended = Promise.all([once(this.#child, 'exit'), ...closed]).then(([[code, signal]]) => {
      this.#told()
      return code ?? signal
    })
  }

  /** What it has printed: nothing, where all is well. */
  get output(): string {
    return this.#output
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The messages of that name, once there are so many. */
  async messages(name: string, count: number = 1): Promise<unknown[]> {
    for (;;) {
      const found = this.#messages.filter((message) => name in message).map((message) => message[name])
      if (found.length >= count) return found
      if (!this.isRunning) throw new Error(`the program ended before it told ${name}. It said:\n${this.#output}`)
      await new Promise<void>((resolve) => {
        this.#told = resolve
      })
    }
  }

  async message<T>(name: string): Promise<T> {
    const [first] = await this.messages(name)
    return first as T
  }

  /** Lets go of it, whereupon it comes to its end by itself. Resolves to its exit code. */
  async end(): Promise<number | string | null> {
    this.#child.disconnect()
    return this.#ended
  }

  /** Resolves to its exit code when it ends. */
  get ended(): Promise<number | string | null> {
    return this.#ended
  }

  /** At the end of a test, whatever became of it. */
  async kill(): Promise<void> {
    if (this.isRunning) this.#child.kill('SIGKILL')
    await this.#ended
  }
}
