import { mkdtemp } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onFreePort } from './free-port.js'
import { ServerProcess } from './server-process.js'

export interface RedisOptions {
  /** Further arguments of `redis-server`, such as `['--maxmemory', '2mb']`. */
  readonly args?: readonly string[]
  /** Default: a free one. */
  readonly port?: number
}

/** One `redis-server` without persistence. Redis Cluster and Sentinel are to be made of several of these. */
export interface RedisServer {
  readonly host: '127.0.0.1'
  readonly port: number
  /** `redis://127.0.0.1:PORT` */
  readonly url: string
  /** Of the process that runs now: another one after `restart()`. */
  readonly pid: number
  /** Sends a signal. Resolves once the process has gone, or at once for SIGSTOP and SIGCONT. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Ends the process if it still runs, and starts an empty one on the same port. */
  restart(): Promise<void>
  /** Ends the process and removes its folder. Twice without harm. */
  stop(): Promise<void>
}

/** Starts a real Redis of its own and resolves once it answers. Rejects with what it said when it does not start. */
export async function startRedis({ args = [], port }: RedisOptions = {}): Promise<RedisServer> {
  const run = async (port: number): Promise<RedisServer> => new SingleRedis(port, args, await runRedis(port, args))
  return port === undefined ? onFreePort(run) : run(port)
}

class SingleRedis implements RedisServer {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly #args: readonly string[]
  #process: ServerProcess

  constructor(port: number, args: readonly string[], process: ServerProcess) {
    this.port = port
    this.#args = args
    this.#process = process
  }

  get url(): string {
    return `redis://${this.host}:${this.port}`
  }

  get pid(): number {
    return this.#process.pid
  }

  kill(signal: NodeJS.Signals): Promise<void> {
    return this.#process.kill(signal)
  }

  async restart(): Promise<void> {
    await this.stop()
    this.#process = await runRedis(this.port, this.#args)
  }

  stop(): Promise<void> {
    return this.#process.stop()
  }
}

async function runRedis(port: number, args: readonly string[]): Promise<ServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'otel-cache-redis-'))
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']
  const process = new ServerProcess('redis-server', [...own, ...args], folder)
  try {
    await process.ready(() => answers(port, process.pid))
    return process
  } catch (error) {
    await process.stop()
    throw error
  }
}

/**
 * Whether the server on this port takes commands and is the process meant: another test's Redis may have won the port.
 * A server that wants a password first is believed.
 */
function answers(port: number, pid: number): Promise<boolean> {
  return new Promise((resolve) => {
    let reply = ''
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\nINFO server\r\nQUIT\r\n'))
    socket.setTimeout(1_000, () => socket.destroy())
    socket.setEncoding('utf8').on('data', (text) => {
      reply += text
    })
    socket.on('error', () => {})
    socket.once('close', () => {
      resolve(reply.startsWith('-NOAUTH') || (reply.startsWith('+PONG') && reply.includes(`process_id:${pid}\r\n`)))
    })
  })
}
