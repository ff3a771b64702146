import type { Clock } from '../clock.js'
import type { Milliseconds, RedisLike } from '../types.js'
import { untraced } from '../untraced.js'
import { atDeadline } from './deadline.js'

/** What is used of the connection that an ioredis client's `duplicate` makes. */
interface Duplicate extends RedisLike {
  readonly stream?: { unref?(): void }
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
 * tracker is used once. Tracking redirects to its own connection, which takes protocol 2: ioredis drops what it does not
 * know of protocol 3.
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

function duplicateOf(client: RedisLike): Duplicate {
  let made: Partial<Duplicate> | undefined
  try {
    made = client.duplicate(OPTIONS)
  } catch (error) {
    throw new NoDuplicateError(error)
  }
  const { connect, disconnect, call, on } = made ?? {}
  if ([connect, disconnect, call, on].some((member) => typeof member !== 'function')) throw new NoDuplicateError(made)
  return made as Duplicate
}

/** One connection to one server, on which the server tells which keys under some prefixes have changed. */
export class Tracker {
  readonly #server: RedisLike
  readonly #listener: TrackerListener
  readonly #clock: Clock
  readonly #connection: Duplicate
  #isOver = false

  constructor(server: RedisLike, listener: TrackerListener, clock: Clock) {
    this.#server = server
    this.#listener = listener
    this.#clock = clock
    this.#connection = duplicateOf(server)
    this.#connection.on('error', () => {})
    this.#connection.on('connect', () => this.#connection.stream?.unref?.())
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
      const connection = this.#connection
      await connection.connect()
      const node = isCluster ? String(await connection.call('cluster', 'myid')) : undefined
      if (!isCluster) await this.#assertSameServer()
      const id = String(await connection.call('client', 'id'))
      const tracked = prefixes.flatMap((prefix) => ['prefix', prefix])
      await connection.call('client', 'tracking', 'on', 'redirect', id, 'bcast', ...tracked)
      connection.on('messageBuffer', this.#message)
      await connection.call('subscribe', INVALIDATIONS)
      await connection.call('subscribe', ...channels).catch(() => {})
      return node
    } finally {
      cancel()
    }
  }

  /** Resolves once the server has answered: then all that had changed when it was called has been told. */
  ping(): Promise<unknown> {
    return this.#connection.call('ping')
  }

  close(): void {
    this.#isOver = true
    this.#connection.disconnect()
  }

  /** Behind one address there may be several servers: what one of them does, another does not tell. */
  async #assertSameServer(): Promise<void> {
    const [here, there] = await Promise.all([runIdOf(this.#connection), runIdOf(this.#server)])
    if (here !== there) throw new Error('The invalidation channel reached another server than the client')
  }

  readonly #message = (channel: Buffer, payload: unknown): void => {
    if (this.#isOver) return
    const name = channel.toString()
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

/** Undefined where the server does not tell. */
async function runIdOf(client: RedisLike): Promise<string | undefined> {
  try {
    return /run_id:(\w+)/.exec(String(await client.call('info', 'server')))?.[1]
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOPERM')) return undefined
    throw error
  }
}

/** Node ids of the masters that own slots, as a node of a Cluster sees it. */
export async function mastersSeenBy(node: RedisLike): Promise<ReadonlySet<string>> {
  const slots: unknown = await untraced(() => node.call('cluster', 'slots'))
  const masters = new Set<string>()
  if (!Array.isArray(slots)) return masters
  for (const range of slots) masters.add(String((range as unknown[][])[2]?.[2]))
  return masters
}
