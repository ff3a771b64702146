import type { Clock } from '../clock.js'
import type { Generation, Generations } from '../generations.js'
import { escapeGlob, pathsAround, type RedisKeys } from '../keys.js'
import { type Span, totalOf } from '../lifetime.js'
import type { Mark } from '../mark.js'
import type { ErrorType } from '../outcome.js'
import type { Place } from '../place.js'
import type { Milliseconds, RedisLike } from '../types.js'
import { byteLength, type Encoded } from '../values.js'
import { Budget } from './budget.js'
import { type Command, command, RedisConnection, type Reply, runScript } from './connection.js'
import { readGenerationId } from './generation-id.js'
import { RedisClock, readTime } from './redis-clock.js'
import { EXPIRE_VALUE, NOTE_GENERATION, STORE_VALUE } from './scripts.js'
import { readStored, type Stored, writePieces } from './stored-form.js'

/** What a read found under a key. */
export type RedisRead =
  | RedisFound
  | { readonly kind: 'missing'; readonly reason: 'absent' | 'undecodable' }
  | RedisFailed

export interface RedisFound {
  readonly kind: 'found'
  readonly stored: Stored
  readonly generations: readonly Generation[]
  /** On this process's clock. */
  readonly storedAt: Milliseconds
  readonly freshUntil: Milliseconds
  readonly fresh: boolean
  /** When the read was sent: what memory may believe begins here. */
  readonly sentAt: Milliseconds
}

/** What became of a write. `ended`: a generation that it was noted under has ended, so it would have been unreadable. */
export type RedisWrite =
  | { readonly kind: 'stored'; readonly sentAt: Milliseconds }
  | { readonly kind: 'ended' }
  | RedisFailed

export type RedisDone = { readonly kind: 'done' } | RedisFailed

export interface RedisFailed {
  readonly kind: 'failed'
  readonly error: ErrorType
}

/** A value on its way to Redis. */
export interface Writing {
  readonly codec: string
  readonly span: Span
  readonly loadDuration: Milliseconds
  readonly tags: readonly string[]
  readonly body: Encoded
  readonly generations: readonly Generation[]
}

const ABSENT: RedisRead = { kind: 'missing', reason: 'absent' }
const UNDECODABLE: RedisRead = { kind: 'missing', reason: 'undecodable' }
const DONE: RedisDone = { kind: 'done' }
const SCAN_COUNT = 512

/** The Redis tier: the one place that knows commands and keys. It returns tagged results and never throws. */
export class RedisTier {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #generations: Generations
  readonly #clock: Clock
  readonly #newId: () => string
  readonly #redisClock = new RedisClock()

  constructor(client: RedisLike, keys: RedisKeys, generations: Generations, clock: Clock, newId: () => string) {
    this.#connection = new RedisConnection(client, clock)
    this.#keys = keys
    this.#generations = generations
    this.#clock = clock
    this.#newId = newId
  }

  /** Reads keys of one view, together with the generations that entries with these tags belong to. */
  async read(
    path: string,
    keys: readonly string[],
    tags: readonly string[],
    budget: Budget,
  ): Promise<readonly RedisRead[]> {
    const sentAt = this.#clock.now()
    const generations = this.#generations.of(pathsAround(path), tags)
    const names = [...generations.map(this.#nameOf), ...keys.map((key) => this.#keys.value(path, key))]
    const asked = this.#generations.ask()
    const replies = await this.#getAll(names, budget)
    const ids = this.#confirm(generations, replies, asked)
    const reads = keys.map((_, index) => {
      const read = readOf(replies[generations.length + index] as Reply)
      if (read.kind !== 'stored') return read
      return sameTags(read.stored.tags, tags) ? this.#judge(read.stored, generations, ids, sentAt) : read
    })
    if (!reads.some(isUnjudged)) return reads as readonly RedisRead[]
    return Promise.all(
      reads.map((read) => (isUnjudged(read) ? this.#judgeByTags(path, read.stored, sentAt, budget) : read)),
    )
  }

  /** What carries other tags than expected takes a second trip, for their generations. */
  async #judgeByTags(path: string, stored: Stored, sentAt: Milliseconds, budget: Budget): Promise<RedisRead> {
    const generations = this.#generations.of(pathsAround(path), stored.tags)
    const asked = this.#generations.ask()
    const replies = await this.#getAll(generations.map(this.#nameOf), budget)
    for (const reply of replies) if (!reply.ok) return { kind: 'failed', error: reply.error }
    return this.#judge(stored, generations, this.#confirm(generations, replies, asked), sentAt)
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
    again: boolean = this.#connection.isCluster,
  ): Promise<{ readonly kind: 'noted'; readonly generations: readonly Generation[] } | RedisFailed> {
    const generations = this.#generations.of(pathsAround(path), tags)
    if (!again && generations.every((one) => one.id !== undefined)) return { kind: 'noted', generations }
    const asked = this.#generations.ask()
    const expiry = lasting === Infinity ? 0 : Math.max(1, lasting)
    const replies = await this.#connection.send(
      generations.map((one) =>
        // The widest generation is one key for the whole cache: it may stay for ever.
        runScript(NOTE_GENERATION, [this.#nameOf(one)], [this.#newId(), isWidest(one) ? 0 : expiry]),
      ),
      budget,
    )
    for (const reply of replies) if (!reply.ok) return { kind: 'failed', error: reply.error }
    this.#confirm(generations, replies, asked)
    // A generation that ended has been replaced by one that takes the new id.
    const current = this.#generations.of(pathsAround(path), tags)
    this.#confirm(current, replies, asked)
    return { kind: 'noted', generations: current }
  }

  /**
   * Stores a value where the generations it was noted under still stand.
   *
   * @param mark void once the key has changed since: then a script that Redis had forgotten is not sent again
   */
  async write({ path, key }: Place, writing: Writing, mark: Mark, budget: Budget): Promise<RedisWrite> {
    const { generations, span, body } = writing
    const total = totalOf(span)
    const [beforeStoredAt, beforeIds, beforeBody] = writePieces(writing, byteLength(body))
    const sentAt = this.#clock.now()
    const reply = await this.#connection.sendOne(
      runScript(
        STORE_VALUE,
        // In a Cluster generations live elsewhere. A value whose generation has ended is then stored, and never read.
        [this.#keys.value(path, key), ...(this.#connection.isCluster ? [] : generations.map(this.#nameOf))],
        [
          total === Infinity ? 0 : total,
          beforeStoredAt,
          beforeIds,
          typeof body === 'string' ? beforeBody + body : Buffer.concat([Buffer.from(beforeBody), body]),
          ...generations.map((one) => one.id ?? ''),
        ],
        () => mark.void,
      ),
      budget,
    )
    if (!reply.ok) return { kind: 'failed', error: reply.error }
    // A client may be set to give numbers as strings.
    const storedAt = Number(reply.value)
    if (storedAt === 0) return { kind: 'ended' }
    this.#redisClock.sample(storedAt, sentAt)
    return { kind: 'stored', sentAt }
  }

  /** Deletes values. */
  delete(path: string, keys: readonly string[], budget: Budget): Promise<RedisDone> {
    return this.#deleteNames(
      keys.map((key) => this.#keys.value(path, key)),
      budget,
    )
  }

  /**
   * Makes a value stale.
   *
   * @param mark void once the key has changed since: then a script that Redis had forgotten is not sent again
   */
  async expire({ path, key }: Place, mark: Mark, budget: Budget): Promise<RedisDone> {
    const script = runScript(EXPIRE_VALUE, [this.#keys.value(path, key)], [], () => mark.void)
    const reply = await this.#connection.sendOne(script, budget)
    return reply.ok ? DONE : { kind: 'failed', error: reply.error }
  }

  /** Ends a generation: everything under the path, or with the tag under the path, is a miss from here on. */
  endGeneration(path: string, tag: string | undefined, budget: Budget): Promise<RedisDone> {
    return this.#deleteNames([this.#keys.generation(path, tag)], budget)
  }

  /** Removes the bytes of every value under a path, on every master. Each Redis call has a budget of its own. */
  async purge(path: string, patience: Milliseconds): Promise<RedisDone> {
    const { client, isCluster } = this.#connection
    const masters: readonly RedisLike[] = isCluster ? (client.nodes?.('master') ?? []) : [client]
    for (const master of masters) {
      const done = await this.#purgeMaster(master, path, patience)
      if (done.kind === 'failed') return done
    }
    return DONE
  }

  /** Resolves to whether Redis answered. */
  async ping(budget: Budget): Promise<boolean> {
    return (await this.#connection.sendOne(command('ping'), budget)).ok
  }

  close(): void {
    this.#connection.close()
  }

  #budget(patience: Milliseconds): Budget {
    return new Budget(patience, this.#clock)
  }

  readonly #nameOf = (generation: Generation): string => this.#keys.generation(generation.path, generation.tag)

  /** One MGET, or a GET each in a Cluster, where they live in many slots. */
  async #getAll(names: readonly string[], budget: Budget): Promise<readonly Reply[]> {
    const sentAt = this.#clock.now()
    const commands: Command[] = this.#connection.isCluster
      ? names.map((name) => command('get', name))
      : [command('mget', ...names)]
    const sampled = this.#redisClock.needsSample(sentAt)
    if (sampled) commands.push(command('time'))
    const replies = await this.#connection.send(commands, budget)
    const time = sampled ? replies[commands.length - 1] : undefined
    const instant = time?.ok ? readTime(time.value) : undefined
    if (instant !== undefined) this.#redisClock.sample(instant, sentAt)
    if (this.#connection.isCluster) return replies
    const [all] = replies as [Reply]
    if (!all.ok) return names.map(() => all)
    return (all.value as readonly unknown[]).map((value) => ({ ok: true, value }))
  }

  /** Takes over the ids that Redis told. */
  #confirm(
    generations: readonly Generation[],
    replies: readonly Reply[],
    asked: number,
  ): readonly (string | undefined)[] {
    return generations.map((generation, index) => {
      const reply = replies[index] as Reply
      if (!reply.ok) return undefined
      const id = readGenerationId(reply.value)
      this.#generations.confirm(generation, id, asked)
      return id
    })
  }

  #judge(
    stored: Stored,
    generations: readonly Generation[],
    ids: readonly (string | undefined)[],
    sentAt: Milliseconds,
  ): RedisRead {
    // An id that is missing stands for nothing; the stored ones are joined as the writing script joined them.
    if (ids.includes(undefined) || ids.join(',') !== stored.generations) return ABSENT
    const freshUntil = this.#redisClock.toLocal(stored.storedAt + stored.span.fresh)
    // What has no stale windows is gone from Redis once it is no longer fresh: that it is there is the proof.
    const fresh = totalOf(stored.span) === stored.span.fresh || freshUntil > sentAt
    const storedAt = this.#redisClock.toLocal(stored.storedAt)
    return { kind: 'found', stored, generations, storedAt, freshUntil, fresh, sentAt }
  }

  async #deleteNames(names: readonly string[], budget: Budget): Promise<RedisDone> {
    const commands = this.#connection.isCluster ? names.map((name) => command('del', name)) : [command('del', ...names)]
    const replies = await this.#connection.send(commands, budget)
    for (const reply of replies) if (!reply.ok) return { kind: 'failed', error: reply.error }
    return DONE
  }

  async #purgeMaster(master: RedisLike, path: string, patience: Milliseconds): Promise<RedisDone> {
    const connection = new RedisConnection(master, this.#clock)
    // SCAN knows nothing of the client's own prefix; the client puts it before the keys that UNLINK names.
    const pattern = escapeGlob(clientPrefix(this.#connection.client)) + this.#keys.valuesPattern(path)
    const strip = Buffer.byteLength(clientPrefix(master))
    let cursor = '0'
    do {
      const scan = command('scan', cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT)
      const reply = await connection.sendOne(scan, this.#budget(patience))
      if (!reply.ok) return { kind: 'failed', error: reply.error }
      const [next, names] = reply.value as [Buffer, Buffer[]]
      cursor = String(next)
      const unlinks = names.map((name) => command('unlink', name.subarray(strip)))
      for (const unlinked of await connection.send(unlinks, this.#budget(patience))) {
        if (!unlinked.ok) return { kind: 'failed', error: unlinked.error }
      }
    } while (cursor !== '0')
    return DONE
  }
}

/** A value that was read, and of which it is not known yet whether its generations stand. */
interface Unjudged {
  readonly kind: 'stored'
  readonly stored: Stored
}

function isUnjudged(read: RedisRead | Unjudged): read is Unjudged {
  return read.kind === 'stored'
}

function readOf(reply: Reply): Unjudged | RedisRead {
  if (!reply.ok) return reply.error === 'undecodable' ? UNDECODABLE : { kind: 'failed', error: reply.error }
  if (reply.value === null) return ABSENT
  const stored = Buffer.isBuffer(reply.value) ? readStored(reply.value) : undefined
  return stored === undefined ? UNDECODABLE : { kind: 'stored', stored }
}

function isWidest(generation: Generation): boolean {
  return generation.path === '' && generation.tag === undefined
}

function sameTags(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((tag, index) => tag === other[index])
}

/** An ioredis client may carry a prefix of its own, before ours. */
function clientPrefix(client: RedisLike): string {
  const { options } = client as { options?: { keyPrefix?: unknown } }
  return options?.keyPrefix === undefined ? '' : String(options.keyPrefix)
}
