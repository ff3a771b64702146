import { type ChildProcess, spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { PortTakenError } from './free-port.js'

const START_TIMEOUT = 20_000
const KEPT_OUTPUT = 65_536

/** One running server program with all that it starts, and the folder that it alone uses. */
export class ServerProcess {
  readonly #child: ChildProcess
  readonly #program: string
  readonly #folder: string
  readonly #exited: Promise<void>
  #output = ''
  #spawnError: NodeJS.ErrnoException | undefined
  #running = true

  constructor(program: string, args: readonly string[], folder: string, env: NodeJS.ProcessEnv = process.env) {
    this.#program = program
    this.#folder = folder
    // Detached: the head of a group, so that what it starts can be ended with it.
    const child = spawn(program, args, { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    const watchdog = child.pid === undefined ? undefined : watch(child.pid, folder)
    this.#exited = new Promise((resolve) => {
      const ended = () => {
        this.#running = false
        watchdog?.kill('SIGKILL')
        resolve()
      }
      child.once('close', ended)
      child.once('error', (error) => {
        this.#spawnError = error
        if (child.pid === undefined) ended()
      })
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-KEPT_OUTPUT)
      })
    }
    keepAlive(child, 'unref')
  }

  /** The process id; 0 when the program could not be started at all. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** The end of what it has said so far, on either stream. */
  get output(): string {
    return this.#output
  }

  /** The exit code, or the signal that ended it; undefined as long as it runs. */
  get exit(): number | string | undefined {
    return this.#running ? undefined : (this.#child.exitCode ?? String(this.#child.signalCode))
  }

  /** Resolves once `answers` does so with true; rejects as soon as the program has ended, with what it said. */
  async ready(answers: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT
    const ended = this.#exited.then(() => false)
    while (!(await Promise.race([answers(), ended]))) {
      if (!this.#running) throw this.#startError('ended while starting')
      if (Date.now() > deadline) throw this.#startError(`did not answer within ${START_TIMEOUT} ms`)
      await Promise.race([pause(10), this.#exited])
    }
  }

  /** Sends a signal; resolves once the process has gone, or at once when the signal only stops or continues it. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (!this.#running) return
    this.#child.kill(signal)
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return
    keepAlive(this.#child, 'ref')
    await this.#exited
  }

  /** Ends the group and removes its folder. SIGKILL: the data is not worth a goodbye, and it also ends a stopped one. */
  async stop(): Promise<void> {
    if (this.#running) killGroup(this.pid)
    await this.kill('SIGKILL')
    await rm(this.#folder, { recursive: true, force: true })
  }

  #startError(what: string): Error {
    if (this.#spawnError?.code === 'ENOENT') {
      return new Error(`${this.#program} is not installed. Run: node scripts/provide-servers.js`)
    }
    const message = `${this.#program} ${what}. It said:\n${this.#spawnError?.message ?? this.#output.trim()}`
    return /address already in use/i.test(this.#output) ? new PortTakenError(message) : new Error(message)
  }
}

/**
 * A shell that waits for its input to end, which the operating system does when this process is gone for whatever
 * reason (normal exit, a signal, SIGKILL), and then kills the server and removes its folder. In a session of its own,
 * so that Ctrl-C does not end it first.
 */
function watch(pid: number, folder: string): ChildProcess {
  const script = 'read -r _; kill -s KILL -- "-$1"; rm -rf "$2"'
  const watchdog = spawn('sh', ['-c', script, 'sh', String(pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  keepAlive(watchdog, 'unref')
  return watchdog
}

function killGroup(pid: number): void {
  try {
    if (pid !== 0) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has just gone.
  }
}

/** A forgotten server must not keep its test process alive: the watchdog ends it. Who waits for its end must. */
function keepAlive(child: ChildProcess, how: 'ref' | 'unref'): void {
  child[how]()
  for (const stream of child.stdio) if (stream instanceof Socket) stream[how]()
}
