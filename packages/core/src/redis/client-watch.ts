import type { RedisLike } from '../types.js'

/** The states of a client whose first attempt to connect has not ended. */
const BEFORE: ReadonlySet<string> = new Set(['wait', 'connecting', 'connect'])
const ENDS = ['ready', 'close', 'end']

/**
 * What is to be known of the application's client and only its events tell. However many caches use the client, it gets
 * one set of listeners, which goes with the last of them.
 */
export class ClientWatch {
  static readonly #watches = new WeakMap<RedisLike, ClientWatch>()
  /** Resolves once the first attempt to connect has ended, one way or the other: until then calls wait for it. */
  readonly firstAttempt: Promise<void>
  hasFirstAttemptEnded = false
  hasBeenReady: boolean
  readonly #client: RedisLike
  readonly #onReady = new Set<() => void>()
  #users = 0
  #endFirstAttempt!: () => void

  static of(client: RedisLike): ClientWatch {
    let watch = ClientWatch.#watches.get(client)
    if (watch === undefined) {
      watch = new ClientWatch(client)
      ClientWatch.#watches.set(client, watch)
    }
    watch.#users += 1
    return watch
  }

  private constructor(client: RedisLike) {
    this.#client = client
    this.hasBeenReady = client.status === 'ready'
    client.on('ready', this.#ready)
    for (const node of client.nodes?.('all') ?? []) hearAsking(node)
    client.on('+node', hearAsking)
    this.firstAttempt = new Promise((resolve) => {
      this.#endFirstAttempt = () => {
        for (const event of ENDS) client.off(event, this.#endFirstAttempt)
        this.hasFirstAttemptEnded = true
        resolve()
      }
    })
    if (BEFORE.has(client.status)) for (const event of ENDS) client.on(event, this.#endFirstAttempt)
    else this.#endFirstAttempt()
  }

  /** Calls back each time the client becomes ready. Returns what ends that. */
  onReady(action: () => void): () => void {
    this.#onReady.add(action)
    return () => this.#onReady.delete(action)
  }

  /** A cache that used it is closed. */
  leave(): void {
    this.#users -= 1
    if (this.#users > 0) return
    ClientWatch.#watches.delete(this.#client)
    this.#client.off('ready', this.#ready)
    this.#client.off('+node', hearAsking)
    this.#endFirstAttempt()
  }

  readonly #ready = (): void => {
    this.hasBeenReady = true
    for (const action of this.#onReady) action()
  }
}

const heard = new WeakSet<object>()

/**
 * A Cluster's client sends ASKING ahead of what it was redirected with, and leaves its reply to nobody. Where the
 * connection ends first, that would be an unhandled rejection, which ends the process.
 */
function hearAsking(node: { asking?: (...args: unknown[]) => Promise<unknown> }): void {
  const { asking } = node
  if (typeof asking !== 'function' || heard.has(node)) return
  heard.add(node)
  node.asking = (...args) => {
    const asked = asking.apply(node, args)
    asked.catch(() => {})
    return asked
  }
}
