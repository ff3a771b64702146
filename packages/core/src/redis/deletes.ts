import type { RedisKeys } from '../keys.js'
import type { Failure } from '../outcome.js'
import type { Budget } from './budget.js'
import type { RedisConnection } from './connection.js'
import { deleteInCluster } from './moving-slots.js'
import { chunksOf } from './reader.js'
import { type Demand, Unconfirmed } from './unconfirmed.js'
import { type Command, command, numberOf, type Reply } from './wire.js'

export type RedisDone = { readonly kind: 'done' } | RedisFailed

export interface RedisFailed {
  readonly kind: 'failed'
  readonly error: Failure
}

export const DONE: RedisDone = { kind: 'done' }

/** Deletes, and what became of them: those that Redis has not confirmed are done again before anything else is. */
export class Deletes {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #unconfirmed: Unconfirmed

  /**
   * @param onUnconfirmed called when there is one more to be replayed
   * @param onSwallowed called when there are so many that the widest generation is to be ended instead
   */
  constructor(connection: RedisConnection, keys: RedisKeys, onUnconfirmed: () => void, onSwallowed: () => void) {
    this.#connection = connection
    this.#keys = keys
    this.#unconfirmed = new Unconfirmed(keys.generation(''), onUnconfirmed, onSwallowed)
  }

  /** How many wait to be replayed. */
  get unconfirmed(): number {
    return this.#unconfirmed.size
  }

  async delete(names: readonly string[], budget: Budget): Promise<RedisDone> {
    const demands = this.#unconfirmed.of(names)
    const done = await this.send(names, budget)
    if (done.kind === 'done') this.#unconfirmed.confirmed(demands)
    else for (const name of names) this.#unconfirmed.add(name)
    return done
  }

  /** Ends a generation. What is to be deleted under its view is a miss as well, once that has ended. */
  async end(name: string, path: string | undefined, send: () => Promise<RedisDone>): Promise<RedisDone> {
    const names = path === undefined ? [name] : this.#unconfirmed.under(this.#keys.value(path), name)
    const demands = this.#unconfirmed.of(names)
    const done = await send()
    this.#unconfirmed.confirmed(demands)
    if (done.kind === 'failed') this.#unconfirmed.add(name)
    return done
  }

  /** What Redis holds under a name is not to be read any more: deleted as soon as Redis can be asked. */
  distrust(name: string): void {
    this.#unconfirmed.add(name)
  }

  /** Whether the deletion of one of these names is unconfirmed: nothing is read or written under it before. */
  isUnsettled(names: () => readonly string[]): boolean {
    return this.#unconfirmed.size > 0 && names().some((name) => this.#unconfirmed.has(name))
  }

  /** @returns why Redis could not be asked */
  settleBefore(names: () => readonly string[], budget: Budget): Promise<Failure | undefined> | undefined {
    return this.isUnsettled(names) ? this.#again(this.#unconfirmed.of(names()), budget) : undefined
  }

  /** Deletes what is unconfirmed, until Redis refuses. */
  async replay(newBudget: () => Budget): Promise<void> {
    const names = this.#unconfirmed.of().map(([name]) => name)
    for (const chunk of chunksOf(names)) {
      // Looked up now: what has been confirmed meanwhile may have been set since.
      const demands = this.#unconfirmed.of(chunk)
      if (demands.length === 0) continue
      if ((await this.#again(demands, newBudget())) !== undefined) return
    }
  }

  async #again(demands: readonly Demand[], budget: Budget): Promise<Failure | undefined> {
    const names = demands.map(([name]) => name)
    const done = await this.send(names, budget)
    if (done.kind === 'failed') return done.error
    this.#unconfirmed.confirmed(demands)
    return undefined
  }

  /** With a value goes its lease, because what is being loaded is older; with a generation what fences loaders' tags. */
  async send(names: readonly string[], budget: Budget): Promise<RedisDone> {
    const fences = [...new Set(names.flatMap((name) => this.#keys.anyTagOf(name) ?? []))].map((name) => [name])
    const withLeases = names.map((name) => {
      const lease = this.#keys.leaseOf(name)
      return lease === undefined ? [name] : [name, lease]
    })
    const groups = [...withLeases, ...fences]
    const commands = this.#connection.isCluster
      ? groups.map(inCluster)
      : chunksOf(groups).map((chunk) => command('del', ...chunk.flat()))
    return doneOf(await this.#connection.send(commands, budget))
  }
}

function inCluster(group: readonly string[]): Command {
  const [value, lease] = group as [string, string?]
  return lease === undefined ? command('del', value) : deleteInCluster(value, lease)
}

/** Whether all deletes were done. */
export function doneOf(replies: readonly Reply[]): RedisDone {
  for (const reply of replies) {
    if (!reply.ok) return { kind: 'failed', error: reply.error }
    if (numberOf(reply.value) === undefined) return { kind: 'failed', error: 'other' }
  }
  return DONE
}
