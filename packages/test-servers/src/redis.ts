import { mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Address, command, type Reply, type Word } from './command.js'
import { onFreePort } from './free-port.js'
import { ServerProcess } from './server-process.js'

export interface RedisOptions {
  /** Further arguments of `redis-server`, such as `['--maxmemory', '2mb']`. */
  readonly args?: readonly string[]
  /** Default: a free one. */
  readonly port?: number
  /** Whether it speaks TLS, and nothing else. Default: false. */
  readonly tls?: boolean
}

/** One `redis-server` without persistence. */
export interface RedisServer {
  readonly host: '127.0.0.1'
  readonly port: number
  /** `redis://127.0.0.1:PORT`, or `rediss:` with TLS */
  readonly url: string
  /** What a client must trust, for its option of the same name. Undefined without TLS. */
  readonly tls: { readonly ca: string } | undefined
  /** Of the process that runs now: another one after `restart()`. */
  readonly pid: number
  /**
   * Sends one command on a connection of its own: `command('CONFIG', 'SET', 'maxmemory', '2mb')`. Rejects with Redis's
   * own words when it refuses, and after 30 seconds without a reply.
   */
  command(...words: Word[]): Promise<Reply>
  /** Sends a signal. Resolves once the process has gone, or at once for SIGSTOP and SIGCONT. */
  kill(signal: NodeJS.Signals): Promise<void>
  /**
   * Ends the process if it still runs, and starts another one on the same port: an empty one, or one with the data of
   * the last `SAVE`. Resolves once that has been loaded.
   */
  restart(): Promise<void>
  /** Ends the process and removes its folder. Twice without harm. */
  stop(): Promise<void>
}

/** Starts a real Redis of its own and resolves once it answers. Rejects with what it said when it does not start. */
export async function startRedis({ args = [], port, tls = false }: RedisOptions = {}): Promise<RedisServer> {
  const argsFor = (port: number, folder: string): readonly string[] => {
    const listening = tls ? tlsArgs(port) : ['--port', String(port)]
    // A replica keeps the file it was synchronised with, unless told not to.
    const keepNothing = ['--save', '', '--appendonly', 'no', '--rdb-del-sync-files', 'yes']
    return [...listening, '--bind', '127.0.0.1', '--dir', folder, ...keepNothing, ...args]
  }
  return launch(argsFor, port, tls ? { ca: await readFile(tlsFile('cert.pem'), 'utf8') } : undefined)
}

/** Starts `redis-server` with these arguments, on a free port unless one is given. */
export function launch(
  argsFor: (port: number, folder: string) => readonly string[] | Promise<readonly string[]>,
  port?: number,
  tls?: { readonly ca: string },
): Promise<RedisServer> {
  const run = async (port: number): Promise<RedisServer> => {
    const folder = await mkdtemp(join(tmpdir(), 'otel-cache-redis-'))
    const server = new SingleRedis(port, folder, await argsFor(port, folder), tls)
    await server.start()
    return server
  }
  return port === undefined ? onFreePort(run) : run(port)
}

function tlsArgs(port: number): string[] {
  const files = ['--tls-cert-file', tlsFile('cert.pem'), '--tls-key-file', tlsFile('key.pem')]
  return ['--port', '0', '--tls-port', String(port), ...files, '--tls-auth-clients', 'no']
}

function tlsFile(name: string): string {
  return fileURLToPath(new URL(`../tls/${name}`, import.meta.url))
}

class SingleRedis implements RedisServer {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly tls: { readonly ca: string } | undefined
  readonly #folder: string
  readonly #args: readonly string[]
  #process: ServerProcess | undefined

  constructor(port: number, folder: string, args: readonly string[], tls: { readonly ca: string } | undefined) {
    this.port = port
    this.tls = tls
    this.#folder = folder
    this.#args = args
  }

  get url(): string {
    return `${this.tls === undefined ? 'redis' : 'rediss'}://${this.host}:${this.port}`
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  command(...words: Word[]): Promise<Reply> {
    return command(this, words)
  }

  async start(): Promise<void> {
    // It is gone after `stop()`.
    await mkdir(this.#folder, { recursive: true })
    const process = new ServerProcess('redis-server', this.#args, this.#folder)
    this.#process = process
    try {
      await process.ready(() => answers(this, process.pid))
    } catch (error) {
      await process.stop()
      throw error
    }
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    await this.#process?.kill(signal)
  }

  async restart(): Promise<void> {
    await this.kill('SIGKILL')
    await this.start()
  }

  async stop(): Promise<void> {
    await this.#process?.stop()
  }
}

/**
 * Whether the server at this address takes commands and is the process meant: another test's Redis may have won the
 * port. A server that wants a password first is believed.
 */
async function answers(address: Address, pid: number): Promise<boolean> {
  try {
    const info = String(await command(address, ['INFO', 'server'], 1_000))
    // Refused while it loads.
    return info.includes(`process_id:${pid}\r\n`) && (await command(address, ['PING'], 1_000)) === 'PONG'
  } catch (error) {
    return error instanceof Error && error.message.startsWith('NOAUTH')
  }
}
