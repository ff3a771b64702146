import type { Socket } from 'node:net'
import type { Clock } from '../clock.js'
import type { Milliseconds, RedisLike } from '../types.js'
import { untraced } from '../untraced.js'
import { atDeadline } from './deadlines.js'
import { encodeCommand, RespReader, type RespValue } from './resp.js'

/** What is used of the connection that an ioredis client's `duplicate` makes. */
interface Duplicate extends RedisLike {
  readonly stream: Socket
  connect(): Promise<unknown>
  disconnect(): void
}

/** What a tracker tells. */
export interface TrackerListener {
  /** A key was changed, by whomever. */
  changed(name: string): void
  /** Everything may have changed: a flush, or a replica's full resync. */
  flushed(): void
  /** A message on a channel of our own. */
  told(channel: string, message: string): void
  /** The connection has ended. Nothing more will be told. */
  ended(): void
}

const INVALIDATIONS = '__redis__:invalidate'

/**
 * Of the application's options all that say how to reach the server, and none that say what to do when that fails: a
 * tracker is used once. Protocol 2, because tracking then redirects to the very connection it was asked for on.
 */
const OPTIONS = {
  protocol: 2,
  replyMapping: undefined,
  keyPrefix: '',
  lazyConnect: true,
  enableOfflineQueue: false,
  enableAutoPipelining: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  reconnectOnError: null,
  maxRetriesPerRequest: 0,
  commandTimeout: undefined,
  socketTimeout: undefined,
  readOnly: false,
}

/** A client of which there is no second one. */
export class NoDuplicateError extends Error {
  constructor(cause: unknown) {
    super('the client has no working duplicate()', { cause })
  }
}

/** Redis has answered, and refused. */
export class RefusedError extends Error {}

/**
 * One connection to one server, on which the server tells which keys under some prefixes have changed. The client's own
 * code connects, with all that takes; then the socket is ours: ioredis crashes the process on what it did not expect on a
 * subscribed connection.
 */
export class Tracker {
  readonly #server: RedisLike
  readonly #listener: TrackerListener
  readonly #clock: Clock
  readonly #connection: Duplicate
  readonly #reader = new RespReader()
  readonly #asked: Array<(reply: RespValue) => void> = []
  #isOver = false

  constructor(server: RedisLike, listener: TrackerListener, clock: Clock) {
    this.#server = server
    this.#listener = listener
    this.#clock = clock
    this.#connection = duplicateOf(server)
    this.#connection.on('error', () => {})
    this.#connection.on('connect', () => this.#connection.stream.unref())
    this.#connection.on('close', this.#ended)
    this.#connection.on('end', this.#ended)
  }

  /**
   * Connects and begins to listen. Whatever changes after it has resolved is told.
   *
   * @param channels of our own; a server may refuse them
   * @returns the id of the node, in a Cluster
   */
  async open(
    prefixes: readonly string[],
    channels: readonly string[],
    isCluster: boolean,
    patience: Milliseconds,
  ): Promise<string | undefined> {
    const cancel = atDeadline(this.#clock, patience, () => this.close())
    try {
      await this.#connection.connect()
      this.#connection.stream.removeAllListeners('data')
      this.#connection.stream.on('data', this.#arrived)
      const node = isCluster ? String(await this.#ask('cluster', 'myid')) : undefined
      if (!isCluster) await this.#assertSameServer()
      const id = String(await this.#ask('client', 'id'))
      const tracked = prefixes.flatMap((prefix) => ['prefix', prefix])
      await this.#ask('client', 'tracking', 'on', 'redirect', id, 'bcast', ...tracked)
      await this.#ask('subscribe', INVALIDATIONS)
      await Promise.all(channels.map((channel) => this.#ask('subscribe', channel).catch(() => {})))
      return node
    } finally {
      cancel()
    }
  }

  /** Resolves once the server has answered: then all that had changed when it was called has been told. */
  async ping(): Promise<void> {
    const reply = await this.#ask('ping')
    const pong = Array.isArray(reply) ? reply[0] : reply
    if (String(pong).toLowerCase() !== 'pong') throw new Error('PING was not answered by PONG')
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#connection.disconnect()
    for (const answer of this.#asked) answer(new Error('Connection is closed.'))
    this.#asked.length = 0
  }

  /** Behind one address there may be several servers: what one of them does, another does not tell. */
  async #assertSameServer(): Promise<void> {
    const theirs = untraced(() => this.#server.call('info', 'server'))
    const [here, there] = await Promise.all([runIdOf(this.#ask('info', 'server')), runIdOf(theirs)])
    if (here !== there) throw new Error('The invalidation channel reached another server than the client')
  }

  #ask(...args: readonly string[]): Promise<RespValue> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) {
        reject(new Error('Connection is closed.'))
        return
      }
      this.#asked.push((reply) => (reply instanceof Error ? reject(reply) : resolve(reply)))
      this.#connection.stream.write(encodeCommand(args))
    })
  }

  readonly #arrived = (piece: Buffer): void => {
    try {
      for (const value of this.#reader.read(piece)) this.#take(value)
    } catch {
      this.#ended()
    }
  }

  #take(value: RespValue): void {
    if (this.#isOver) return
    const [kind, channel, payload] = Array.isArray(value) ? value : []
    if (String(kind) !== 'message') {
      const answer = this.#asked.shift()
      if (answer === undefined) throw new Error('Redis answers what was not asked')
      answer(value instanceof Error ? refusalOf(value) : value)
      return
    }
    const name = String(channel)
    if (name !== INVALIDATIONS) this.#listener.told(name, String(payload))
    else if (Array.isArray(payload)) for (const key of payload) this.#listener.changed(String(key))
    else this.#listener.flushed()
  }

  readonly #ended = (): void => {
    if (this.#isOver) return
    this.close()
    this.#listener.ended()
  }
}

function duplicateOf(client: RedisLike): Duplicate {
  let made: Partial<Duplicate> | undefined
  try {
    made = client.duplicate(OPTIONS)
  } catch (error) {
    throw new NoDuplicateError(error)
  }
  const { connect, disconnect, on } = made ?? {}
  if ([connect, disconnect, on].some((member) => typeof member !== 'function')) throw new NoDuplicateError(made)
  return made as Duplicate
}

function refusalOf({ message }: Error): Error {
  return new RefusedError(message)
}

/** Undefined where the server does not tell. */
async function runIdOf(asked: Promise<unknown>): Promise<string | undefined> {
  try {
    return /run_id:(\w+)/.exec(String(await asked))?.[1]
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOPERM')) return undefined
    throw error
  }
}

/** `[slot->-node]`, as a node of a Cluster shows a slot that is moving away from it. */
const MOVING_TO = /^\[\d+->-(\w+)\]$/

/** Node ids of the masters that slots belong to, or are moving to, as a node of a Cluster sees it. */
export async function mastersSeenBy(node: RedisLike): Promise<ReadonlySet<string>> {
  const lines = String(await untraced(() => node.call('cluster', 'nodes')))
    .trim()
    .split('\n')
  const masters = new Set<string>()
  for (const line of lines) {
    const [id, , flags, , , , , , ...slots] = line.trim().split(' ') as [string, ...string[]]
    if (slots.length === 0 || !flags?.includes('master')) continue
    masters.add(id)
    for (const slot of slots) {
      const target = MOVING_TO.exec(slot)?.[1]
      if (target !== undefined) masters.add(target)
    }
  }
  return masters
}
