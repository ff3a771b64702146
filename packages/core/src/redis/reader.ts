import type { Clock } from '../clock.js'
import type { Milliseconds } from '../types.js'
import { untraced } from '../untraced.js'
import { Budget } from './budget.js'
import type { RedisConnection } from './connection.js'
import { type RedisClock, readTime } from './redis-clock.js'
import { type Command, command, type Reply } from './wire.js'

/** So many names go into one command: more would hold up what others ask. */
const CHUNK = 500
const NOTHING: Reply = { ok: true, value: null }
/** What Redis answers to nothing that was asked. */
const GARBAGE: Reply = { ok: false, error: 'undecodable' }

/** One name that waits for this turn's trip. */
interface Gathered {
  readonly name: string
  readonly budget: Budget
  readonly done: (reply: Reply) => void
}

/** What is read without scripts. What is asked for one by one in one tick travels together, and no later than alone. */
export class Reader {
  readonly #connection: RedisConnection
  readonly #redisClock: RedisClock
  readonly #clock: Clock
  readonly #timeout: Milliseconds
  #gathered: Gathered[] = []

  constructor(connection: RedisConnection, redisClock: RedisClock, clock: Clock, timeout: Milliseconds) {
    this.#connection = connection
    this.#redisClock = redisClock
    this.#clock = clock
    this.#timeout = timeout
  }

  /**
   * Reads one name, along with what else is asked for in this tick.
   *
   * @param isTraced it goes alone: its span must not hang in a stranger's trace
   */
  one(name: string, budget: Budget, isTraced: boolean, done: (reply: Reply) => void): void {
    if (isTraced || !budget.isWhole) {
      this.all([name], budget).then(([reply]) => done(reply as Reply))
      return
    }
    // Microtasks first: callers who were answered together ask again together.
    if (this.#gathered.push({ name, budget, done }) === 1) process.nextTick(this.#leave)
  }

  readonly #leave = (): void => {
    const gathered = this.#gathered
    this.#gathered = []
    const shared = new Budget(this.#timeout, this.#clock)
    const arrive = (replies: readonly Reply[]): void => {
      const waited = this.#timeout - shared.left
      for (let index = 0; index < gathered.length; index++) {
        const { budget, done } = gathered[index] as Gathered
        budget.spend(waited)
        done(replies[index] as Reply)
      }
    }
    const names = gathered.map(({ name }) => name)
    const read = (): void => this.#read(names, shared, arrive)
    if (names.length === 1) read()
    else untraced(read)
  }

  /** Reads all of these in one trip. */
  all(names: readonly string[], budget: Budget): Promise<readonly Reply[]> {
    return new Promise((resolve) => this.#read(names, budget, resolve))
  }

  /** One MGET, or a GET each in a Cluster, where they live in many slots. */
  #read(names: readonly string[], budget: Budget, done: (replies: readonly Reply[]) => void): void {
    const isEach = this.#connection.isCluster || names.length === 1
    const chunks = chunksOf(names)
    const commands = isEach
      ? names.map((name) => command('get', name))
      : chunks.map((chunk) => command('mget', ...chunk))
    this.dispatch(commands, budget, (replies) => {
      const all = isEach
        ? // Another type is nothing to MGET.
          replies.map((reply) => (reply.ok || reply.error !== 'undecodable' ? reply : NOTHING))
        : chunks.flatMap((chunk, index) => each(replies[index] as Reply, chunk.length))
      done(all)
    })
  }

  send(commands: readonly Command[], budget: Budget): Promise<readonly Reply[]> {
    return new Promise((resolve) => this.dispatch(commands, budget, resolve))
  }

  /** Asks for Redis's time along with the commands, where the last sample of it is old. */
  dispatch(commands: readonly Command[], budget: Budget, done: (replies: readonly Reply[]) => void): void {
    const sentAt = this.#clock.now()
    if (!this.#redisClock.needsSample(sentAt)) {
      this.#connection.dispatch(commands, budget, done)
      return
    }
    this.#connection.dispatch([...commands, command('time')], budget, (replies) => {
      const time = replies[commands.length] as Reply
      const instant = time.ok ? readTime(time.value) : undefined
      if (instant !== undefined) this.#redisClock.sample(instant, sentAt)
      done(replies.slice(0, commands.length))
    })
  }
}

/** The replies for so many names in one. */
function each(reply: Reply, count: number): readonly Reply[] {
  if (!reply.ok) return new Array<Reply>(count).fill(reply)
  const values: unknown = reply.value
  if (!Array.isArray(values) || values.length !== count) return new Array<Reply>(count).fill(GARBAGE)
  return values.map((value): Reply => (value === null ? NOTHING : { ok: true, value }))
}

export function chunksOf<T>(names: readonly T[]): ReadonlyArray<readonly T[]> {
  if (names.length <= CHUNK) return [names]
  return Array.from({ length: Math.ceil(names.length / CHUNK) }, (_, index) =>
    names.slice(index * CHUNK, (index + 1) * CHUNK),
  )
}
