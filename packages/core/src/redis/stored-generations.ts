import { ANY_TAG, type Generation, type Question } from '../generations.js'
import { pathsAround } from '../keys.js'
import type { Failure } from '../outcome.js'
import type { Milliseconds } from '../types.js'
import { untraced } from '../untraced.js'
import type { Budget } from './budget.js'
import { doneOf, type RedisDone, type RedisFailed } from './deletes.js'
import { readGenerationId } from './generation-id.js'
import type { Parts } from './parts.js'
import { NOTE_GENERATION, ROTATE_GENERATION } from './scripts.js'
import { command, type Reply, runScript } from './wire.js'

/** The generations that a value will belong to, as they stand. */
export interface Noted {
  readonly kind: 'noted'
  readonly generations: readonly Generation[]
  /** See `Lease`. */
  readonly anyTag: readonly Generation[]
}

export type Ids = ReadonlyArray<string | undefined>

/** So long the fence of loader's tags is kept where nobody loads. */
const FENCE_TIME: Milliseconds = 600_000

/** What Redis holds of generations, and what this process knows of that. */
export class StoredGenerations {
  readonly #parts: Parts
  readonly #readsReplicas: boolean

  constructor(parts: Parts) {
    this.#parts = parts
    const { options } = parts.connection.client as { options?: { scaleReads?: unknown } }
    this.#readsReplicas = (options?.scaleReads ?? 'master') !== 'master'
  }

  readonly nameOf = (generation: Generation): string => this.#parts.keys.generation(generation.path, generation.tag)

  of(path: string, tags: readonly string[]): readonly Generation[] {
    return this.#parts.generations.of(pathsAround(path), tags)
  }

  /** Those of a value about to be loaded or stored. */
  belonging(path: string, tags: readonly string[]): Noted {
    const anyTag = this.#parts.generations.anyTag(pathsAround(path))
    return { kind: 'noted', generations: this.of(path, tags), anyTag }
  }

  /** What is known by a channel that was proven; undefined where Redis has to be asked. */
  known(...groups: ReadonlyArray<readonly Generation[]>): Ids | undefined {
    const { coherence, connection } = this.#parts
    const { epoch } = coherence
    if (connection.clock.now() >= coherence.believedUntil(epoch)) return undefined
    const ids: Array<string | undefined> = []
    for (const group of groups) {
      for (const one of group) {
        if (one.epoch !== epoch) return undefined
        ids.push(one.id)
      }
    }
    return ids
  }

  /** The epoch of what Redis is asked now. What replicas answer may be older than what the masters have told. */
  get epoch(): number {
    return this.#readsReplicas ? 0 : this.#parts.coherence.now
  }

  ask(): Question {
    return this.#parts.generations.ask(this.epoch)
  }

  /** The number of the question that would be asked now. */
  get answered(): number {
    return this.#parts.generations.ask().asked
  }

  /** Takes over the ids that Redis told. */
  takeOver(generations: readonly Generation[], ids: Ids, question: Question, answered?: number): void {
    for (const [at, one] of generations.entries()) this.#parts.generations.confirm(one, ids[at], question, answered)
  }

  /** Takes over ids of replies; those that failed say nothing. */
  confirm(generations: readonly Generation[], replies: readonly Reply[], question: Question, answered?: number): Ids {
    return generations.map((generation, index) => {
      const reply = replies[index] as Reply
      if (!reply.ok) return undefined
      const id = readGenerationId(reply.value)
      this.#parts.generations.confirm(generation, id, question, answered)
      return id
    })
  }

  /** Asks Redis for the ids. */
  async read(generations: readonly Generation[], budget: Budget): Promise<Ids | RedisFailed> {
    const { deletes, reader } = this.#parts
    const names = generations.map(this.nameOf)
    const refused = await deletes.settleBefore(() => names, budget)
    if (refused !== undefined) return { kind: 'failed', error: refused }
    const question = this.ask()
    const replies = await reader.all(names, budget)
    const error = firstError(replies)
    const ids = this.confirm(generations, replies, question)
    return error === undefined ? ids : { kind: 'failed', error }
  }

  /**
   * Notes the generations for a value about to be loaded or stored. Those already known cost no trip unless `again`: the
   * writing script looks whether they still stand.
   */
  async note(
    path: string,
    tags: readonly string[],
    lasting: Milliseconds,
    budget: Budget,
    again: boolean = false,
  ): Promise<Noted | RedisFailed> {
    const { connection, deletes, reader, newId } = this.#parts
    const { isCluster } = connection
    const all = ({ generations, anyTag }: Noted): readonly Generation[] =>
      isCluster ? [...generations, ...anyTag] : generations
    const known = this.belonging(path, tags)
    if (!again && !isCluster && known.generations.every((one) => one.id !== undefined)) return known
    const generations = all(known)
    const refused = await deletes.settleBefore(() => generations.map(this.nameOf), budget)
    if (refused !== undefined) return { kind: 'failed', error: refused }
    const question = this.ask()
    const expiry = expiryOf(lasting)
    const commands = generations.map((one) =>
      // The widest generation is one key for the whole cache: it may stay for ever.
      runScript(NOTE_GENERATION, [this.nameOf(one)], [newId(), isWidest(one) ? 0 : expiry]),
    )
    const replies = await reader.send(commands, budget)
    const error = firstError(replies)
    if (error !== undefined) return { kind: 'failed', error }
    const { answered } = this
    this.confirm(generations, replies, question, answered)
    // A generation that ended has been replaced by one that takes the new id.
    const current = this.belonging(path, tags)
    this.confirm(all(current), replies, question, answered)
    return current
  }

  /** Whether generations that were noted still stand in Redis. */
  async stand(generations: readonly Generation[], budget: Budget): Promise<boolean> {
    const ids = await this.read(generations, budget)
    if ('kind' in ids) return false
    return generations.every(({ id, ended }, index) => id !== undefined && id === ids[index] && !ended)
  }

  /** Redis tells that one was changed, by whomever: it may have ended, or only have been kept for longer. */
  changed(path: string, tag: string | undefined): void {
    const { generations } = this.#parts
    const generation = generations.find(path, tag)
    if (generation === undefined) return
    generations.doubt(generation)
    if (generation.id !== undefined) untraced(() => this.#verify(generation))
  }

  /** Where Redis does not say, it counts as ended. */
  async #verify(generation: Generation): Promise<void> {
    const { generations, newBudget } = this.#parts
    const ids = await this.read([generation], newBudget())
    if (('kind' in ids || ids[0] === undefined) && !generation.ended) generations.end(generation.path, generation.tag)
  }

  /** Ends a tag. What this process is loading knows which tags have ended here: it goes on behind a fence of a new id. */
  async endTag(path: string, name: string, budget: Budget): Promise<RedisDone> {
    const { connection, generations, newId } = this.#parts
    const [fence] = generations.anyTag([path]) as [Generation]
    const { answered } = this
    const next = newId()
    const rotate = runScript(ROTATE_GENERATION, [this.nameOf(fence)], [next, FENCE_TIME])
    const replies = await connection.send([command('del', name), rotate], budget)
    const [deleted, rotated] = replies as [Reply, Reply]
    if (rotated.ok && fence.id !== undefined && readGenerationId(rotated.value) === fence.id) {
      generations.rename(fence, next, answered)
    } else {
      generations.end(path, ANY_TAG)
    }
    return rotated.ok ? doneOf([deleted]) : { kind: 'failed', error: rotated.error }
  }
}

/** For Redis: 0 is for ever. */
export function expiryOf(lasting: Milliseconds): Milliseconds {
  return lasting === Infinity ? 0 : Math.max(1, lasting)
}

export function isWidest(generation: Generation): boolean {
  return generation.path === '' && generation.tag === undefined
}

function firstError(replies: readonly Reply[]): Failure | undefined {
  for (const reply of replies) if (!reply.ok) return reply.error
  return undefined
}
