import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { type Direction, type Fault, Lane } from './lane.js'

export interface FaultProxyOptions {
  /** The server behind the proxy, such as a `RedisServer`. Connected to anew for each connection. */
  readonly target: { readonly host: string; readonly port: number }
}

/**
 * A TCP proxy in front of a server, with faults that are switched while it runs. Clients reach it when their addresses
 * do: what Sentinel or a Cluster announces leads past it (ioredis: `natMap`).
 *
 * It runs on the event loop of whoever started it. A test that blocks its event loop blocks the proxy with it: bytes
 * that would have arrived during the stall arrive after it. Such a test must speak to its server directly.
 */
export interface FaultProxy {
  readonly host: '127.0.0.1'
  readonly port: number
  /** `redis://127.0.0.1:PORT` */
  readonly url: string
  /** Connections that clients hold open now. */
  readonly connections: number
  /** Connections that were ever made, refused ones included. */
  readonly accepted: number
  /** Bytes that came in from either side, whatever became of them. */
  readonly received: Readonly<Record<Direction, number>>
  /**
   * From now on this fault instead of the one before, for all connections, the ones that are open, new ones, or those
   * that have subscribed to something or will. What a fault has ended or lost stays so; whatever else it did is undone
   * by `pass` or by another fault.
   */
  set(fault: Fault, connections?: Connections): void
  /** The same as `set({ kind: 'pass' })`. */
  heal(): void
  /** Resets all open connections, once. */
  drop(): void
  /** Resets all open connections and closes the port. Twice without harm. */
  stop(): Promise<void>
}

type Connections = 'all' | 'open' | 'new' | 'subscribed'

/** Starts a proxy on a free port that lets everything through. Nothing is kept alive by it. */
export async function startFaultProxy({ target }: FaultProxyOptions): Promise<FaultProxy> {
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  await once(server.listen(0, '127.0.0.1').unref(), 'listening')
  return new SocketProxy(target, server)
}

interface Connection {
  readonly client: Socket
  readonly lanes: Readonly<Record<Direction, Lane>>
  hasSubscribed: boolean
}

/** As clients write the command: one word of a list. */
const SUBSCRIBE = /\r\nP?SUBSCRIBE\r\n/i

class SocketProxy implements FaultProxy {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly received: Record<Direction, number> = { requests: 0, replies: 0 }
  accepted = 0
  readonly #target: FaultProxyOptions['target']
  readonly #server: Server
  readonly #open = new Set<Connection>()
  #faultOfNew: Fault = { kind: 'pass' }
  #faultOfSubscribed: Fault | undefined

  constructor(target: FaultProxyOptions['target'], server: Server) {
    this.port = (server.address() as AddressInfo).port
    this.#target = target
    this.#server = server.on('connection', (client) => this.#accept(client))
  }

  get url(): string {
    return `redis://${this.host}:${this.port}`
  }

  get connections(): number {
    return [...this.#open].filter(({ client }) => !client.readableEnded && !client.destroyed).length
  }

  set(fault: Fault, connections: Connections = 'all'): void {
    if (connections === 'subscribed') {
      this.#faultOfSubscribed = fault
      for (const connection of this.#open) if (connection.hasSubscribed) apply(fault, connection)
      return
    }
    if (connections === 'all') this.#faultOfSubscribed = undefined
    if (connections !== 'open') this.#faultOfNew = fault
    if (connections !== 'new') for (const connection of this.#open) apply(fault, connection)
  }

  heal(): void {
    this.set({ kind: 'pass' })
  }

  drop(): void {
    this.set({ kind: 'reset' }, 'open')
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.set({ kind: 'reset' })
    await closed
  }

  #accept(client: Socket): void {
    this.accepted++
    if (this.#faultOfNew.kind === 'reset') {
      client.resetAndDestroy()
      return
    }
    const { host, port } = this.#target
    const server = connect({ host, port, allowHalfOpen: true, noDelay: true })
    const lanes = { requests: new Lane(client, server), replies: new Lane(server, client) }
    const connection: Connection = { client, lanes, hasSubscribed: false }
    client.on('data', (bytes) => {
      this.received.requests += bytes.length
      if (connection.hasSubscribed || !SUBSCRIBE.test(bytes.toString('latin1'))) return
      connection.hasSubscribed = true
      if (this.#faultOfSubscribed !== undefined) apply(this.#faultOfSubscribed, connection)
    })
    server.on('data', (bytes) => {
      this.received.replies += bytes.length
    })
    for (const socket of [client, server]) {
      socket.unref()
      // A client may be gone before what it sent has been delivered.
      socket.once('close', () => client.closed && server.closed && this.#open.delete(connection))
    }
    this.#open.add(connection)
    apply(this.#faultOfNew, connection)
  }
}

function apply(fault: Fault, { lanes }: Connection): void {
  const only =
    'direction' in fault
      ? fault.direction
      : fault.kind === 'truncate' || fault.kind === 'garbage'
        ? 'replies'
        : undefined
  for (const direction of ['requests', 'replies'] as const) {
    lanes[direction].set(only === undefined || only === direction ? fault : { kind: 'pass' })
  }
}
