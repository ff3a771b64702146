import { nextTick } from 'node:process'
import { diag } from '@opentelemetry/api'
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

/** Names that wait for this tick's trip. */
interface Gathered {
  readonly names: readonly string[]
  readonly budget: Budget
  readonly done: (replies: readonly Reply[]) => void
}

/** What is read without scripts. What is asked for one by one in one tick travels together, as soon as its callers wait. */
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
   * Reads names along with what else is asked for in this tick, and calls back.
   *
   * @param isTraced they go alone: their span must not hang in a stranger's trace
   */
  gather(names: readonly string[], budget: Budget, isTraced: boolean, done: (replies: readonly Reply[]) => void): void {
    // In a Cluster each name is a command of its own anyway, and nobody is to wait for another's node.
    const isAlone = isTraced || this.#connection.isCluster || !budget.isWhole
    if (isAlone) this.#readAlone({ names, budget, done })
    // Microtasks first: callers who were answered together ask again together.
    else if (this.#gathered.push({ names, budget, done }) === 1) nextTick(this.#leave)
  }

  readonly #leave = (): void => {
    const gathered = this.#gathered
    this.#gathered = []
    const [first] = gathered as [Gathered]
    if (gathered.length === 1) this.#readAlone(first)
    else untraced(() => this.#readTogether(gathered))
  }

  #readAlone({ names, budget, done }: Gathered): void {
    this.#read(names, budget, (replies) => deliver(done, replies, () => names.map(refused)))
  }

  #readTogether(gathered: readonly Gathered[]): void {
    // Many ask for the same generations.
    const places = new Map<string, number>()
    for (const { names } of gathered) for (const name of names) if (!places.has(name)) places.set(name, places.size)
    const shared = new Budget(this.#timeout, this.#clock)
    const arrived = (replies: readonly Reply[]): void => {
      const waited = this.#timeout - shared.left
      for (const { names, budget, done } of gathered) {
        const own = names.map((name) => replies[places.get(name) as number] as Reply)
        budget.spend(waited)
        // Another's key may be forbidden.
        if (own.some(isForbidden)) this.#readAlone({ names, budget, done })
        else deliver(done, own, () => own.map(refused))
      }
    }
    this.#read([...places.keys()], shared, arrived, gathered.length)
  }

  /** Reads all of these in one trip. */
  all(names: readonly string[], budget: Budget): Promise<readonly Reply[]> {
    return new Promise((resolve) => this.#read(names, budget, resolve))
  }

  /** One MGET, or a GET each in a Cluster, where they live in many slots. */
  #read(names: readonly string[], budget: Budget, done: (replies: readonly Reply[]) => void, calls: number = 1): void {
    const isEach = this.#connection.isCluster || names.length === 1
    const chunks = chunksOf(names)
    const commands = isEach
      ? names.map((name) => command('get', name))
      : chunks.map((chunk) => command('mget', ...chunk))
    const answered = (replies: readonly Reply[]): void => {
      const all = isEach
        ? // Another type is nothing to MGET.
          replies.map((reply) => (reply.ok || reply.error !== 'undecodable' ? reply : NOTHING))
        : chunks.length === 1
          ? each(replies[0] as Reply, names.length)
          : chunks.flatMap((chunk, index) => each(replies[index] as Reply, chunk.length))
      done(all)
    }
    this.dispatch(commands, budget, answered, calls)
  }

  send(commands: readonly Command[], budget: Budget, calls?: number): Promise<readonly Reply[]> {
    return new Promise((resolve) => this.dispatch(commands, budget, resolve, calls))
  }

  /** Asks for Redis's time along with the commands, where the last sample of it is old. */
  dispatch(
    commands: readonly Command[],
    budget: Budget,
    done: (replies: readonly Reply[]) => void,
    calls?: number,
  ): void {
    const sentAt = this.#clock.now()
    if (!this.#redisClock.needsSample(sentAt)) {
      this.#connection.dispatch(commands, budget, done, calls)
      return
    }
    const answered = (replies: readonly Reply[]): void => {
      const time = replies[commands.length] as Reply
      const instant = time.ok ? readTime(time.value) : undefined
      if (instant !== undefined) this.#redisClock.sample(instant, sentAt, this.#clock.now())
      done(replies.slice(0, commands.length))
    }
    this.#connection.dispatch([...commands, command('time')], budget, answered, calls)
  }
}

/**
 * A fault of ours must not keep the others from their replies, nor who cannot take its own from an answer.
 *
 * @param instead makes what can always be taken
 */
export function deliver<T>(done: (reply: T) => void, reply: T, instead: () => T): void {
  taken(
    () => done(reply),
    () => done(instead()),
  )
}

/** What is made of a reply; where that throws, which is a fault of ours, it is told and another answer made. */
export function taken<T>(take: () => T, instead: () => T): T {
  try {
    return take()
  } catch (error) {
    diag.error('otel-cache: a reply was not taken [OTEL_CACHE_REPLY_NOT_TAKEN]', error)
    return instead()
  }
}

function refused(): Reply {
  return { ok: false, error: 'other' }
}

function isForbidden(reply: Reply): boolean {
  return !reply.ok && reply.error === 'auth'
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
