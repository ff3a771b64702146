import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const DEMO = fileURLToPath(new URL('../dist/demo.js', import.meta.url))
/** Nobody listens here, so a Redis on the default port of this machine has no say. */
export const NO_REDIS = 'redis://:secret@127.0.0.1:1'

/** The demo as a user runs it, in a process of its own, on free ports. */
export class DemoProcess {
  stdout = ''
  stderr = ''
  readonly #child: ChildProcess

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
  }

  /** Resolves once standard output holds the text; rejects when the process ends before. */
  async prints(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      const [ended] = await Promise.race([once(this.#child.stdout as NodeJS.ReadableStream, 'data'), this.#ended()])
      if (ended === ENDED) throw new Error(`The demo ended before it printed ${text}\n${this.stdout}\n${this.stderr}`)
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** The exit code, or the signal that ended the process. */
  async exit(): Promise<number | string> {
    await this.#ended()
    return this.#child.exitCode ?? String(this.#child.signalCode)
  }

  async #ended(): Promise<[typeof ENDED]> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close')
    return [ENDED]
  }
}

const ENDED = Symbol('ended')
