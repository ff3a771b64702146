import type { Clock } from '../clock.js'
import type { Failure } from '../outcome.js'
import type { Milliseconds, RedisLike } from '../types.js'
import { untraced } from '../untraced.js'
import type { Budget } from './budget.js'
import { CircuitBreaker } from './circuit-breaker.js'
import { ClientWatch } from './client-watch.js'
import { atDeadline } from './deadlines.js'
import { MovingSlots } from './moving-slots.js'
import { type Command, command, type Reply, TIMED_OUT, Wire } from './wire.js'

const NOT_CONNECTED: Reply = { ok: false, error: 'connection' }
const SKIPPED: Reply = { ok: false, error: 'skipped' }

/** What a Redis in good health answers. */
const HEALTHY: ReadonlySet<Failure> = new Set(['readonly', 'oom', 'undecodable'])

/**
 * The application's client, with a deadline on every wait and a circuit breaker before it. It stays the application's:
 * all that is done to it is to ask, and to listen for when it is ready.
 */
export class RedisConnection {
  readonly isCluster: boolean
  readonly client: RedisLike
  readonly breaker: CircuitBreaker
  readonly #wire: Wire
  /** Commands go through it in a Cluster. */
  readonly #slots: MovingSlots | undefined
  readonly clock: Clock
  readonly #watch: ClientWatch
  readonly #stopListening: () => void
  /** A call has waited in vain for the client's first attempt to connect: no other one waits for it. */
  #hasWaitedInVain = false
  #pinging: Promise<boolean> | undefined

  /**
   * @param onOpen called when the breaker opens
   * @param onReady called each time the client becomes ready
   */
  constructor(client: RedisLike, clock: Clock, onOpen: () => void, onReady: () => void) {
    this.client = client
    this.isCluster = typeof client.nodes === 'function'
    this.breaker = new CircuitBreaker(onOpen)
    this.clock = clock
    this.#wire = new Wire(client, clock)
    this.#slots = this.isCluster ? new MovingSlots(this.#wire, clock) : undefined
    this.#watch = ClientWatch.of(client)
    this.#stopListening = this.#watch.onReady(onReady)
  }

  get isConnected(): boolean {
    return this.client.status === 'ready'
  }

  /** Whether it can be asked, or would connect if it were. */
  get isReachable(): boolean {
    return this.isConnected || this.client.status === 'wait'
  }

  /**
   * Sends the commands together and calls back once all are answered, or the budget is spent; with the breaker open at
   * once.
   *
   * @param calls that they are sent for
   */
  dispatch(
    commands: readonly Command[],
    budget: Budget,
    done: (replies: readonly Reply[]) => void,
    calls: number = 1,
  ): void {
    if (commands.length === 0 || !this.breaker.isClosed) {
      done(commands.map(() => SKIPPED))
      return
    }
    budget.begin()
    if (this.isConnected) this.#send(commands, budget, done, calls)
    else this.#connect(commands, budget, done, calls)
  }

  async #connect(
    commands: readonly Command[],
    budget: Budget,
    done: (replies: readonly Reply[]) => void,
    calls: number,
  ): Promise<void> {
    const refused = await this.#connected(budget.left)
    if (refused === undefined) {
      this.#send(commands, budget, done, calls)
      return
    }
    // That a client has never been ready yet is no failure of a Redis that was there.
    if (this.#watch.hasBeenReady) this.breaker.failed(this.breaker.era, calls)
    budget.end()
    done(commands.map(() => refused))
  }

  send(commands: readonly Command[], budget: Budget): Promise<readonly Reply[]> {
    return new Promise((resolve) => this.dispatch(commands, budget, resolve))
  }

  #send(commands: readonly Command[], budget: Budget, done: (replies: readonly Reply[]) => void, calls: number): void {
    const { breaker } = this
    const { era } = breaker
    const wire = this.#slots ?? this.#wire
    wire.send(commands, budget.left, (replies) => {
      if (replies.some(isFromHealthyRedis)) breaker.succeeded()
      else breaker.failed(era, calls)
      budget.end()
      done(replies)
    })
  }

  sendOne(command: Command, budget: Budget): Promise<Reply> {
    return new Promise((resolve) => this.dispatch([command], budget, ([reply]) => resolve(reply as Reply)))
  }

  /**
   * Asks Redis for a sign of life, whatever the breaker says; resolves whenever it answers, or the client gives up. One
   * PING at a time: a Redis that hangs for hours must not find thousands.
   */
  ping(): Promise<boolean> {
    if (this.#pinging !== undefined) return this.#pinging
    const pinging = untraced(
      () =>
        new Promise<boolean>((resolve) =>
          this.#wire.run(command('ping'), (reply) => resolve(isFromHealthyRedis(reply))),
        ),
    )
    this.#pinging = pinging
    pinging.then(() => {
      this.#pinging = undefined
    })
    return pinging
  }

  close(): void {
    this.#stopListening()
    this.#watch.leave()
    this.#wire.close()
    this.#slots?.close()
  }

  /** Undefined once Redis may be asked. */
  async #connected(patience: Milliseconds): Promise<Reply | undefined> {
    const watch = this.#watch
    if (watch.hasFirstAttemptEnded || this.#hasWaitedInVain) return NOT_CONNECTED
    // Any command wakes a client that connects lazily. This one's fate is nobody's concern.
    if (this.client.status === 'wait') untraced(() => this.client.call('ping').catch(() => {}))
    await new Promise<void>((resolve) => {
      const cancel = atDeadline(this.clock, patience, resolve)
      watch.firstAttempt.then(() => {
        cancel()
        resolve()
      })
    })
    if (this.isConnected) return undefined
    if (watch.hasFirstAttemptEnded) return NOT_CONNECTED
    this.#hasWaitedInVain = true
    return TIMED_OUT
  }
}

function isFromHealthyRedis(reply: Reply): boolean {
  return reply.ok || HEALTHY.has(reply.error)
}
