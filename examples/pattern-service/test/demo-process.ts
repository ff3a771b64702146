import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const DEMO = fileURLToPath(new URL('../dist/demo.js', import.meta.url))
/** Nobody listens here, so a Redis on the default port of this machine has no say. */
const NO_REDIS = 'redis://:secret@127.0.0.1:1'

/** The demo as a user runs it, in a process of its own, on free ports. */
export class DemoProcess {
  stdout = ''
  stderr = ''
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>
  #isClosed = false

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [DEMO, ...args], {
      env: { ...process.env, PORT: '0', METRICS_PORT: '0', REDIS_URL: NO_REDIS, ...env },
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.#closed = once(this.#child, 'close').then(() => {
      this.#isClosed = true
    })
  }

  /** Resolves once standard output holds the text; rejects when the process ends before. */
  async prints(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      if (this.#isClosed) throw new Error(`The demo did not print ${text}\n${this.stdout}\n${this.stderr}`)
      await Promise.race([once(this.#child.stdout as NodeJS.ReadableStream, 'data'), this.#closed])
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** The exit code, or the signal that ended the process, once all that it printed has arrived. */
  async exit(): Promise<number | string> {
    await this.#closed
    return this.#child.exitCode ?? String(this.#child.signalCode)
  }
}
