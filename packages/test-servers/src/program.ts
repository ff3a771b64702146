import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ServerProcess } from './server-process.js'
import { until } from './until.js'

export interface ProgramOptions {
  readonly args?: readonly string[]
  /** Options of Node itself, which come before the program. */
  readonly nodeArgs?: readonly string[]
  /** Beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
}

/** One of our own programs, as a user runs it. */
export interface Program {
  /** The last 64 kB of what it has printed, on either stream. */
  readonly output: string
  /** Resolves with the groups of the first match in what it prints; rejects when it ends before. */
  prints(pattern: RegExp): Promise<string[]>
  /** The exit code, or the signal that ended it, once it has gone with all that it started; rejects after `timeout` milliseconds. */
  exits(timeout?: number): Promise<number | string>
  /** Sends SIGTERM; the rest as `exits`. */
  end(timeout?: number): Promise<number | string>
  /** Ends it and all that it started, by force. Twice without harm. */
  stop(): Promise<void>
}

/** Runs a program in a process and a folder of its own. */
export async function startProgram(file: URL, options: ProgramOptions = {}): Promise<Program> {
  const { args = [], nodeArgs = [], env = {} } = options
  const folder = await mkdtemp(join(tmpdir(), 'otel-cache-program-'))
  const words = [...nodeArgs, fileURLToPath(file), ...args]
  const running = new ServerProcess(process.execPath, words, folder, { ...process.env, ...env })
  const exits = async (timeout = 10_000): Promise<number | string> => {
    try {
      return await until('the program ends', async () => running.exit, timeout)
    } catch (cause) {
      throw new Error(`The program did not end within ${timeout} ms. It said:\n${running.output}`, { cause })
    }
  }
  return {
    get output() {
      return running.output
    },
    async prints(pattern) {
      await running.ready(async () => pattern.test(running.output))
      return (pattern.exec(running.output) ?? []).slice(1)
    },
    exits,
    end: (timeout) => {
      running.kill('SIGTERM').catch(() => {})
      return exits(timeout)
    },
    stop: () => running.stop(),
  }
}
