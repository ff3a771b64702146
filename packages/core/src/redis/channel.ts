import { diag } from '@opentelemetry/api'
import type { Clock } from '../clock.js'
import type { ErrorType } from '../outcome.js'
import type { Milliseconds, RedisLike } from '../types.js'
import { untraced } from '../untraced.js'
import { ClientWatch } from './client-watch.js'
import type { Coherence } from './coherence.js'
import { atDeadline } from './deadlines.js'
import { failureOf } from './failure.js'
import { BARREN } from './released.js'
import { mastersSeenBy, NoDuplicateError, RefusedError, Tracker } from './tracker.js'

/** How long connecting may take: many trips, each of which a busy process is late for. */
const CONNECT_PATIENCE: Milliseconds = 5_000
/** How long a PING may. */
const PATIENCE: Milliseconds = 1_000
const FIRST_PAUSE: Milliseconds = 100
const LONGEST_PAUSE: Milliseconds = 2_000
/** So many failures in a row are told. */
const MANY = 10
/** Four proofs within the shortest bound: one may be late. */
const PROOFS = 4
const SHORTEST_INTERVAL: Milliseconds = 50
const LONGEST_INTERVAL: Milliseconds = 500

/** What a server answers that offers no channel. */
const UNSUPPORTED: ReadonlySet<ErrorType> = new Set(['auth', 'other'])

/**
 * The invalidation channel of a client: a connection to its server, or to each master of its Cluster, on which Redis tells
 * what has changed under the prefixes of the caches that share it. It stands or it does not, as a whole; a PING on each
 * connection proves that all changes before it have been heard.
 */
export class Channel {
  static readonly #channels = new WeakMap<RedisLike, Channel>()
  readonly #client: RedisLike
  readonly #clock: Clock
  readonly #watch: ClientWatch
  readonly #isCluster: boolean
  readonly #members = new Set<Coherence>()
  #state: 'closed' | 'opening' | 'standing' = 'closed'
  /** Grows with each attempt: what an earlier one still has to say is of no interest. */
  #attempt = 0
  #trackers: ReadonlyArray<{ readonly tracker: Tracker; readonly server: RedisLike }> = []
  #masters: ReadonlySet<string> = new Set()
  #prefixes: readonly string[] = []
  #pause: Milliseconds = FIRST_PAUSE
  #cancelTimer: () => void = () => {}
  #stopListening: () => void = () => {}
  /** In a row. */
  #failures = 0
  #hasWarned = false
  #settled: Array<() => void> = []
  #isUnsupported = false

  /** The channel of a client, one for all its caches. */
  static join(client: RedisLike, member: Coherence, clock: Clock): Channel {
    let channel = Channel.#channels.get(client)
    if (channel === undefined) {
      channel = new Channel(client, clock)
      Channel.#channels.set(client, channel)
    }
    channel.#join(member)
    return channel
  }

  private constructor(client: RedisLike, clock: Clock) {
    this.#client = client
    this.#clock = clock
    this.#isCluster = typeof client.nodes === 'function'
    this.#watch = ClientWatch.of(client)
    this.#stopListening = this.#watch.onReady(() => {
      // Who has connected again may have reached another server.
      this.#isUnsupported = false
      this.#break()
      this.#open()
    })
  }

  /** Resolves once it stands, or it is known that the server offers none. */
  get settled(): Promise<void> {
    if (this.#state === 'standing' || this.#isUnsupported) return Promise.resolve()
    return new Promise((resolve) => this.#settled.push(resolve))
  }

  leave(member: Coherence): void {
    this.#members.delete(member)
    member.broke()
    if (this.#members.size > 0) return
    Channel.#channels.delete(this.#client)
    this.#stopListening()
    this.#watch.leave()
    this.#break()
  }

  #join(member: Coherence): void {
    this.#members.add(member)
    if (this.#state === 'standing' && member.prefixes.every((prefix) => isCovered(prefix, this.#prefixes))) {
      member.stands()
      return
    }
    if (this.#isUnsupported) return
    this.#break()
    // Caches are made one after the other: what they need is asked for once.
    queueMicrotask(() => this.#open())
  }

  #open(): void {
    if (this.#state !== 'closed' || this.#members.size === 0 || this.#client.status !== 'ready') return
    this.#state = 'opening'
    this.#attempt += 1
    const attempt = this.#attempt
    untraced(() =>
      this.#connect(attempt).then(
        () => this.#stand(attempt),
        (error: unknown) => {
          if (attempt !== this.#attempt) return
          const failure = failureOf(error)
          // To offer none is no failure.
          if (isFinal(error, failure)) this.#giveUp(error)
          else this.#lose(failure)
        },
      ),
    )
  }

  async #connect(attempt: number): Promise<void> {
    const servers = this.#isCluster ? (this.#client.nodes?.('master') as RedisLike[]) : [this.#client]
    const prefixes = widest([...this.#members].flatMap((member) => member.prefixes))
    const channels = [...new Set([...this.#members].map(({ leases }) => leases))]
    const listener = {
      changed: (name: string) => this.#changed(name),
      flushed: () => {
        for (const { listener } of this.#members) listener.flushed()
      },
      told: (channel: string, message: string) => {
        const isBarren = message.startsWith(BARREN)
        for (const { leases, listener } of this.#members) {
          if (leases === channel) listener.released(message.slice(1), isBarren)
        }
      },
      ended: () => {
        if (attempt !== this.#attempt) return
        this.#lose('connection')
      },
    }
    this.#trackers = servers.map((server) => ({ server, tracker: new Tracker(server, listener, this.#clock) }))
    const ids = await Promise.all(
      this.#trackers.map(({ tracker }) => tracker.open(prefixes, channels, this.#isCluster, CONNECT_PATIENCE)),
    )
    if (attempt !== this.#attempt) return
    this.#prefixes = prefixes
    this.#masters = new Set(ids.filter((id) => id !== undefined))
    await this.#assertAllMasters()
  }

  #stand(attempt: number): void {
    if (attempt !== this.#attempt) return
    this.#state = 'standing'
    this.#pause = FIRST_PAUSE
    this.#failures = 0
    for (const member of this.#members) member.stands()
    this.#settle()
    this.#prove(attempt)
  }

  /** One proof after another: each is a PING to every server. */
  #prove(attempt: number): void {
    if (attempt !== this.#attempt) return
    // The application is done with it, and has not closed the cache.
    if (this.#client.status === 'end') {
      this.#break()
      return
    }
    const members = [...this.#members]
    for (const member of members) member.pinged()
    const proof = untraced(() =>
      Promise.all([...this.#trackers.map(({ tracker }) => tracker.ping()), this.#assertAllMasters()]),
    )
    this.#cancelTimer()
    this.#cancelTimer = atDeadline(this.#clock, PATIENCE, () => {
      if (attempt === this.#attempt) this.#lose('timeout')
    })
    proof.then(
      () => {
        if (attempt !== this.#attempt) return
        for (const member of members) member.proven()
        this.#after(this.#interval, () => this.#prove(attempt))
      },
      (error: unknown) => {
        if (attempt === this.#attempt) this.#lose(failureOf(error))
      },
    )
  }

  /** In a Cluster: a master that nobody listens to tells nothing. */
  async #assertAllMasters(): Promise<void> {
    if (!this.#isCluster) return
    if (this.#trackers.length === 0) throw new Error('CLUSTERDOWN no master is known')
    const seen = await Promise.all(this.#trackers.map(({ server }) => mastersSeenBy(server)))
    for (const masters of seen) {
      for (const id of masters) {
        if (this.#masters.has(id)) continue
        const { refreshSlotsCache } = this.#client as { refreshSlotsCache?: () => void }
        refreshSlotsCache?.call(this.#client)
        throw new Error('CLUSTERDOWN a master is not listened to yet')
      }
    }
  }

  get #interval(): Milliseconds {
    const bound = Math.min(...[...this.#members].map(({ maxStaleness }) => maxStaleness))
    return Math.min(Math.max(bound / PROOFS, SHORTEST_INTERVAL), LONGEST_INTERVAL)
  }

  #changed(name: string): void {
    for (const { prefixes, listener } of this.#members) if (isCovered(name, prefixes)) listener.changed(name)
  }

  #lose(failure: ErrorType): void {
    for (const member of this.#members) member.failed(failure)
    this.#failures += 1
    if (this.#failures >= MANY) {
      this.#warn(`the invalidation channel cannot be had (${failure})`, 'OTEL_CACHE_CHANNEL_FAILING')
    }
    this.#break()
    this.#after(this.#pause, () => this.#open())
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE)
  }

  #break(): void {
    this.#attempt += 1
    this.#state = 'closed'
    this.#cancelTimer()
    for (const { tracker } of this.#trackers) tracker.close()
    this.#trackers = []
    for (const member of this.#members) member.broke()
  }

  #giveUp(error: Error): void {
    this.#break()
    this.#isUnsupported = true
    this.#settle()
    this.#warn(`this Redis offers no invalidation channel (${error.message})`, 'OTEL_CACHE_NO_CHANNEL')
  }

  /** Once. */
  #warn(reason: string, code: string): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    diag.warn(`otel-cache: ${reason}: memory is believed for maxStaleness only [${code}]`)
  }

  #settle(): void {
    for (const resolve of this.#settled) resolve()
    this.#settled = []
  }

  /** One timer at a time. */
  #after(delay: Milliseconds, action: () => void): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#clock.after(delay, action)
  }
}

function isCovered(name: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => name.startsWith(prefix))
}

/** Redis refuses prefixes that overlap: the wider one tells of both. */
function widest(prefixes: readonly string[]): readonly string[] {
  const sorted = [...new Set(prefixes)].sort()
  return sorted.filter((prefix) => !sorted.some((other) => other !== prefix && prefix.startsWith(other)))
}

/** Whether it is of no use to ask again: Redis itself has answered so, and not the network. */
function isFinal(error: unknown, failure: ErrorType): error is Error {
  if (error instanceof NoDuplicateError) return true
  return error instanceof RefusedError && UNSUPPORTED.has(failure)
}
