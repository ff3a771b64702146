import { Buffer } from 'node:buffer'
import type { Clock } from '../clock.js'
import type { Environment } from '../environment.js'
import type { Generation, Generations } from '../generations.js'
import { escapeGlob, type RedisKeys } from '../keys.js'
import type { Lease } from '../lease.js'
import { type Span, totalOf } from '../lifetime.js'
import type { CircuitState } from '../outcome.js'
import { type Place, placeOf } from '../place.js'
import type { Milliseconds, RedisLike } from '../types.js'
import { byteLength, type Encoded } from '../values.js'
import { Budget } from './budget.js'
import { Channel } from './channel.js'
import { Coherence } from './coherence.js'
import { RedisConnection } from './connection.js'
import { Deletes, DONE, type RedisDone, type RedisFailed } from './deletes.js'
import { Leases } from './leases.js'
import { runInCluster, UNTIL_MOVING } from './moving-slots.js'
import type { Parts } from './parts.js'
import { Reader } from './reader.js'
import { Recovery } from './recovery.js'
import { RedisClock } from './redis-clock.js'
import { EXPIRE_VALUE, STORE_LOADED, STORE_VALUE } from './scripts.js'
import { readStored, type Stored, sameTags, writePieces } from './stored-form.js'
import { type Ids, isWidest, StoredGenerations } from './stored-generations.js'
import type { Judge, RedisRead, Sent } from './verdict.js'
import { type Command, command, numberOf, type Reply, runScript, Wire } from './wire.js'

/** What became of a write. `ended`: its lease, or a generation that it was noted under, has ended. */
export type RedisWrite =
  | { readonly kind: 'stored'; readonly sentAt: Milliseconds; readonly epoch: number }
  | { readonly kind: 'ended' }
  | RedisFailed

/** A value on its way to Redis. */
export interface Writing {
  readonly marker: string
  readonly span: Span
  readonly loadDuration: Milliseconds
  readonly tags: readonly string[]
  readonly body: Encoded
  readonly generations: readonly Generation[]
  /** Of what was loaded: stored only while it stands. */
  readonly lease: Lease | undefined
}

/** What Redis tells, and concerns other rooms. */
export interface ChangeListener {
  /** A key was changed, by whomever. */
  changed(place: Place): void
  /** Everything was. */
  flushed(): void
}

const ABSENT: RedisRead = { kind: 'missing', reason: 'absent' }
const UNDECODABLE: RedisRead = { kind: 'missing', reason: 'undecodable' }
const NONSENSE: RedisFailed = { kind: 'failed', error: 'other' }
const ENDED: RedisWrite = { kind: 'ended' }
const SCAN_COUNT = 512

/** The Redis tier: here and below is all that knows commands and keys. It returns tagged results and never throws. */
export class RedisTier {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #generations: Generations
  readonly #clock: Clock
  readonly #timeout: Milliseconds
  readonly #redisClock = new RedisClock()
  /** Stored bytes. */
  readonly moved: Record<'read' | 'written', number> = { read: 0, written: 0 }
  readonly #reader: Reader
  readonly #deletes: Deletes
  /** What Redis holds of generations. */
  readonly stored: StoredGenerations
  readonly leases: Leases
  readonly #recovery: Recovery
  /** In a Cluster. */
  readonly #listener: ChangeListener
  readonly #channel: Channel
  readonly coherence: Coherence
  /** Keys that the channel has named. */
  invalidations = 0

  /** @param timeout of one call, and of what goes on in the background */
  constructor(
    client: RedisLike,
    keys: RedisKeys,
    generations: Generations,
    { clock, random, newId }: Environment,
    timeout: Milliseconds,
    maxStaleness: Milliseconds,
    listener: ChangeListener,
  ) {
    this.#keys = keys
    this.#generations = generations
    this.#clock = clock
    this.#timeout = timeout
    this.#listener = listener
    const own = clientPrefix(client)
    const coherence = new Coherence(
      keys.tracked.map((prefix) => own + prefix),
      own + keys.leases,
      maxStaleness,
      clock,
      {
        changed: (name) => this.#changed(name.slice(own.length)),
        flushed: () => this.#flushed(),
        released: (lease, isBarren) => this.leases.wake(keys.valueOf(lease.slice(own.length)), isBarren),
      },
    )
    this.coherence = coherence
    this.#channel = Channel.join(client, coherence, clock)
    const recover = (): void => this.#recovery.wake()
    const redisClock = this.#redisClock
    this.#connection = new RedisConnection(client, clock, recover, recover)
    this.#reader = new Reader(this.#connection, redisClock, clock, timeout)
    this.#deletes = new Deletes(
      this.#connection,
      keys,
      () => this.#recovery.begin(),
      // What is known of it is not to be believed: whoever reads asks, and so deletes it first.
      () => generations.end(''),
    )
    const newBudget = (): Budget => new Budget(timeout, clock)
    const parts: Parts = {
      connection: this.#connection,
      redisClock,
      reader: this.#reader,
      deletes: this.#deletes,
      coherence,
      generations,
      keys,
      newId,
      newBudget,
    }
    this.stored = new StoredGenerations(parts)
    this.leases = new Leases(parts, this.stored, this.#judge)
    const { breaker } = this.#connection
    const actions = {
      isNeeded: () => !breaker.isClosed || this.unconfirmed > 0,
      isConnected: () => this.#connection.isConnected,
      ping: () => this.#connection.ping(),
      replay: () => this.#deletes.replay(newBudget),
    }
    this.#recovery = new Recovery(breaker, actions, clock, random, timeout)
  }

  get circuit(): CircuitState {
    return this.#connection.breaker.state
  }

  get isCluster(): boolean {
    return this.#connection.isCluster
  }

  /** How many deletes wait to be replayed. */
  get unconfirmed(): number {
    return this.#deletes.unconfirmed
  }

  /** Reads keys of one view, together with the generations that entries with these tags belong to. */
  async read(
    path: string,
    keys: readonly string[],
    tags: readonly string[],
    budget: Budget,
  ): Promise<readonly RedisRead[]> {
    const sentAt = this.#clock.now()
    const { stored } = this
    const generations = stored.of(path, tags)
    const values = keys.map((key) => this.#keys.value(path, key))
    const known = stored.known(generations)
    const names = known === undefined ? generations.map(stored.nameOf) : []
    const refused = await this.#deletes.settleBefore(() => [...names, ...values], budget)
    if (refused !== undefined) return keys.map(() => ({ kind: 'failed', error: refused }))
    const question = stored.ask()
    const replies = await this.#reader.all([...names, ...values], budget)
    const ids = known ?? stored.confirm(generations, replies, question)
    const sent = { sentAt, ...question }
    const reads = keys.map((_, index) => {
      const reply = replies[names.length + index] as Reply
      return reply.ok ? this.#judge(path, reply.value, tags, generations, ids, sent, budget) : failedRead(reply)
    })
    return reads.some((read) => read instanceof Promise) ? Promise.all(reads) : (reads as readonly RedisRead[])
  }

  /**
   * As `read`, for one key, and along with other keys that are asked for in this tick; calls back.
   *
   * @param isTraced it goes alone
   */
  readOne(
    path: string,
    key: string,
    tags: readonly string[],
    budget: Budget,
    isTraced: boolean,
    done: (read: RedisRead) => void,
  ): void {
    const { stored } = this
    const generations = stored.of(path, tags)
    const known = stored.known(generations)
    const value = this.#keys.value(path, key)
    const names = known === undefined ? [...generations.map(stored.nameOf), value] : [value]
    if (this.#deletes.isUnsettled(() => names)) {
      this.read(path, [key], tags, budget).then(([read]) => done(read as RedisRead))
      return
    }
    const question = stored.ask()
    const sent = { sentAt: this.#clock.now(), ...question }
    this.#reader.gather(names, budget, isTraced, (replies) => {
      const ids = known ?? stored.confirm(generations, replies, question)
      const reply = replies[names.length - 1] as Reply
      const read = reply.ok ? this.#judge(path, reply.value, tags, generations, ids, sent, budget) : failedRead(reply)
      if (read instanceof Promise) read.then(done)
      else done(read)
    })
  }

  /** By ids that stand, unless they have ended meanwhile or the value has other tags than expected. */
  readonly #judge: Judge = (path, value, tags, generations, ids, sent, budget) => {
    if (value === null) return ABSENT
    const stored = Buffer.isBuffer(value) ? readStored(value) : undefined
    if (Buffer.isBuffer(value)) this.moved.read += value.length
    if (stored === undefined) return UNDECODABLE
    if (sameTags(stored.tags, tags) && stoodSince(generations, sent.asked)) {
      return this.#judgeBy(stored, generations, ids, sent)
    }
    const others = this.stored.of(path, stored.tags)
    const known = this.stored.known(others)
    if (known !== undefined) return this.#judgeBy(stored, others, known, sent)
    return this.stored
      .read(others, budget)
      .then((told) => ('kind' in told ? told : this.#judgeBy(stored, others, told, sent)))
  }

  #judgeBy(stored: Stored, generations: readonly Generation[], ids: Ids, { sentAt, epoch }: Sent): RedisRead {
    if (!isOf(stored, ids, generations.length)) return ABSENT
    const freshUntil = this.#redisClock.toLocal(stored.storedAt + stored.span.fresh)
    // What has no stale windows is gone from Redis once it is no longer fresh: that it is there is the proof.
    const fresh = totalOf(stored.span) === stored.span.fresh || freshUntil > sentAt
    const storedAt = this.#redisClock.toLocal(stored.storedAt)
    return { kind: 'found', stored, generations, storedAt, freshUntil, fresh, sentAt, epoch }
  }

  /**
   * Stores a value where its lease and the generations it was noted under still stand.
   *
   * @param isObsolete whether the key has changed since: then a script that Redis had forgotten is not sent again
   */
  write({ path, key }: Place, writing: Writing, isObsolete: () => boolean, budget: Budget): Promise<RedisWrite> {
    const name = this.#keys.value(path, key)
    const settling = this.#deletes.settleBefore(() => [name], budget)
    // Nothing else may be awaited before it is sent: a change that comes later must also be sent later.
    if (settling === undefined) return this.#write(name, writing, isObsolete, budget)
    return settling.then((refused) => {
      if (refused !== undefined) return { kind: 'failed', error: refused }
      return isObsolete() ? ENDED : this.#write(name, writing, isObsolete, budget)
    })
  }

  #write(name: string, writing: Writing, isObsolete: () => boolean, budget: Budget): Promise<RedisWrite> {
    const { lease, span } = writing
    const now = this.#clock.now()
    // What may once be served stale is stamped by Redis itself, and so is what tells its time again.
    const isStamped = totalOf(span) !== span.fresh || this.#redisClock.needsSample(now)
    const storedAt = isStamped ? undefined : this.#redisClock.stamp(now)
    if (lease !== undefined && storedAt !== undefined) {
      return this.#storeLoaded(name, writing, lease, storedAt, isObsolete, budget)
    }
    return this.#storeStamped(name, writing, isObsolete, budget)
  }

  async #storeStamped(name: string, writing: Writing, isObsolete: () => boolean, budget: Budget): Promise<RedisWrite> {
    let wrote = await this.#store(name, writing, isObsolete, budget)
    if (wrote.kind !== 'late') return wrote
    if (isObsolete()) return ENDED
    // Redis's clock is not where it was believed to be; now it is known.
    wrote = await this.#store(name, writing, isObsolete, budget)
    return wrote.kind === 'late' ? { kind: 'failed', error: 'timeout' } : wrote
  }

  /** What was loaded is fenced by its lease, and needs no look at Redis's clock unless it may once be served stale. */
  async #storeLoaded(
    name: string,
    writing: Writing,
    lease: Lease,
    storedAt: Milliseconds,
    isObsolete: () => boolean,
    budget: Budget,
  ): Promise<RedisWrite> {
    const { generations, span } = writing
    const sentAt = this.#clock.now()
    const { epoch } = this.stored
    // What belongs to a widest one that has ended is never read from Redis, nor from memory where the channel tells of it.
    const isTold = this.stored.known(generations) !== undefined
    const looked = isTold ? generations.filter((one) => !isWidest(one)) : generations
    const form = this.#formOf(writing, storedAt)
    const args = [lease.token, expiryOfSpan(span), form]
    // In a Cluster generations live elsewhere. A value whose generation has ended is then stored, and never read.
    const script = this.isCluster
      ? runInCluster(STORE_LOADED, [name, lease.name], args, isObsolete)
      : runScript(
          STORE_LOADED,
          [name, lease.name, ...looked.map(this.stored.nameOf)],
          [...args, ...looked.map((one) => one.id ?? '')],
          isObsolete,
        )
    const reply = await this.#connection.sendOne(script, budget)
    if (!reply.ok) return { kind: 'failed', error: reply.error }
    const stored = numberOf(reply.value)
    if (stored === undefined) return NONSENSE
    if (stored === 0) return this.#ended(generations)
    this.moved.written += byteLength(form)
    return { kind: 'stored', sentAt, epoch }
  }

  #formOf(writing: Writing, storedAt: Milliseconds): Encoded {
    const { body, generations } = writing
    const [beforeStoredAt, beforeIds, beforeBody] = writePieces(writing, byteLength(body))
    const head = beforeStoredAt + storedAt + beforeIds + joined(generations) + beforeBody
    return typeof body === 'string' ? head + body : Buffer.concat([Buffer.from(head), body])
  }

  async #store(
    name: string,
    writing: Writing,
    isObsolete: () => boolean,
    budget: Budget,
  ): Promise<RedisWrite | { readonly kind: 'late' }> {
    const { generations, span, body, lease } = writing
    const [beforeStoredAt, beforeIds, beforeBody] = writePieces(writing, byteLength(body))
    const sentAt = this.#clock.now()
    const { epoch } = this.stored
    const last = typeof body === 'string' ? beforeBody + body : Buffer.concat([Buffer.from(beforeBody), body])
    const args = (patience: Milliseconds): Array<string | number | Uint8Array> => [
      expiryOfSpan(span),
      this.#redisClock.toRedis(sentAt + patience) ?? '',
      beforeStoredAt,
      beforeIds,
      last,
      lease?.token ?? '',
      ...generations.map((one) => one.id ?? ''),
    ]
    const pair = [name, this.#leaseOf(name)] as const
    const { left } = budget
    const script = this.isCluster
      ? runInCluster(STORE_VALUE, pair, args(left * UNTIL_MOVING), isObsolete, {
          // No lease must stand on the other server.
          ...(lease === undefined && { first: command('del', pair[1]) }),
          args: () => args(left),
        })
      : runScript(STORE_VALUE, [...pair, ...generations.map(this.stored.nameOf)], args(left), isObsolete)
    const reply = await this.#connection.sendOne(script, budget)
    if (!reply.ok) return { kind: 'failed', error: reply.error }
    const instant = numberOf(reply.value)
    if (instant === undefined) return NONSENSE
    if (instant === 0) return this.#ended(generations)
    this.#redisClock.sample(Math.abs(instant), sentAt, this.#clock.now())
    if (instant < 0) return { kind: 'late' }
    const head = [beforeStoredAt, String(instant), beforeIds, joined(generations), beforeBody]
    this.moved.written += head.join('').length + byteLength(body)
    return { kind: 'stored', sentAt, epoch }
  }

  /** Whatever is believed of them is to be looked up: a key must not stay unstored for what was missed. */
  #ended(generations: readonly Generation[]): RedisWrite {
    for (const one of generations) this.#generations.doubt(one)
    return ENDED
  }

  /** Whatever Redis holds under a key is not to be read any more: deleted as soon as Redis can be asked. */
  distrust({ path, key }: Place): void {
    this.#deletes.distrust(this.#keys.value(path, key))
  }

  /** Deletes values. */
  delete(path: string, keys: readonly string[], budget: Budget): Promise<RedisDone> {
    const names = keys.map((key) => this.#keys.value(path, key))
    return this.#deletes.delete(names, budget)
  }

  /**
   * Makes a value stale. Where Redis does not confirm that, the value is to be deleted.
   *
   * @param isObsolete whether the key has changed since: then a script that Redis had forgotten is not sent again
   */
  async expire(place: Place, isObsolete: () => boolean, budget: Budget): Promise<RedisDone> {
    const name = this.#keys.value(place.path, place.key)
    const settling = this.#deletes.settleBefore(() => [name], budget)
    if (settling !== undefined) {
      const refused = await settling
      if (refused !== undefined) return { kind: 'failed', error: refused }
      if (isObsolete()) return DONE
    }
    const lease = this.#leaseOf(name)
    const script = this.isCluster
      ? runInCluster(EXPIRE_VALUE, [name, lease], [], isObsolete, { first: command('del', lease) })
      : runScript(EXPIRE_VALUE, [name, lease], [], isObsolete)
    const reply = await this.#connection.sendOne(script, budget)
    if (reply.ok && numberOf(reply.value) !== undefined) return DONE
    this.distrust(place)
    return reply.ok ? NONSENSE : { kind: 'failed', error: reply.error }
  }

  /** Ends a generation: everything under the path, or with the tag under the path, is a miss from here on. */
  endGeneration(path: string, tag: string | undefined, budget: Budget): Promise<RedisDone> {
    const name = this.#keys.generation(path, tag)
    return tag === undefined
      ? this.#deletes.end(name, path, () => this.#deletes.send([name], budget))
      : this.#deletes.end(name, undefined, () => this.stored.endTag(path, name, budget))
  }

  /** Removes the bytes of every value under a path, on every master. Each Redis call has a budget of its own. */
  async purge(path: string): Promise<RedisDone> {
    const { client, isCluster } = this.#connection
    const masters: readonly RedisLike[] = isCluster ? (client.nodes?.('master') ?? []) : [client]
    for (const master of masters) {
      const done = await this.#purgeMaster(master, path, this.#timeout)
      if (done.kind === 'failed') return done
    }
    return DONE
  }

  /** Resolves to whether Redis answered within the time given, whatever the breaker says. */
  async ping(patience: Milliseconds): Promise<boolean> {
    if (!this.#connection.isReachable) return false
    let cancel!: () => void
    const late = new Promise<boolean>((resolve) => {
      cancel = this.#clock.after(patience, () => resolve(false))
    })
    const answered = await Promise.race([this.#connection.ping(), late])
    cancel()
    return answered
  }

  /** Resolves once the invalidation channel stands, or it is known that there is none. */
  get heard(): Promise<void> {
    return this.#channel.settled
  }

  close(): void {
    this.#channel.leave(this.coherence)
    this.leases.wakeAll()
    this.#recovery.close()
    this.#connection.close()
  }

  #leaseOf(name: string): string {
    return this.#keys.leaseOf(name) as string
  }

  /** Redis tells that something of this cache was changed, by whomever. */
  #changed(name: string): void {
    this.invalidations += 1
    const read = this.#keys.read(name)
    if (read === undefined) return
    const { kind, path, key } = read
    if (kind === 'generation') {
      this.stored.changed(path, key)
      return
    }
    this.leases.wake(name)
    if (key !== undefined) this.#listener.changed(placeOf(path, key))
  }

  #flushed(): void {
    this.#listener.flushed()
    this.#generations.endAll()
    this.leases.wakeAll()
  }

  async #purgeMaster(master: RedisLike, path: string, patience: Milliseconds): Promise<RedisDone> {
    const wire = new Wire(master, this.#clock)
    try {
      // SCAN knows nothing of the client's own prefix; the client puts it before the keys that UNLINK names.
      const pattern = escapeGlob(clientPrefix(this.#connection.client)) + this.#keys.valuesPattern(path)
      const strip = Buffer.byteLength(clientPrefix(master))
      let cursor = '0'
      do {
        const scan = command('scan', cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT)
        const [reply] = (await wire.ask([scan], patience)) as [Reply]
        if (!reply.ok) return { kind: 'failed', error: reply.error }
        const [next, names] = Array.isArray(reply.value) ? (reply.value as [Buffer, Buffer[]]) : []
        if (!Array.isArray(names)) return NONSENSE
        cursor = String(next)
        const unlinks = names.map((name): Command => command('unlink', name.subarray(strip)))
        for (const unlinked of await wire.ask(unlinks, patience)) {
          if (!unlinked.ok) return { kind: 'failed', error: unlinked.error }
        }
      } while (cursor !== '0')
      return DONE
    } finally {
      wire.close()
    }
  }
}

function failedRead({ error }: Extract<Reply, { ok: false }>): RedisRead {
  return error === 'undecodable' ? UNDECODABLE : { kind: 'failed', error }
}

/** Whether it belongs to the first so many ids. One that is missing stands for nothing. */
function isOf({ generations }: Stored, ids: Ids, count: number): boolean {
  if (count === 1) return ids[0] === generations
  const belongs = ids.slice(0, count)
  // Joined as the writing script joined them.
  return !belongs.includes(undefined) && belongs.join(',') === generations
}

/** As the scripts join them. */
function joined(generations: readonly Generation[]): string {
  return generations.map(({ id }) => id).join(',')
}

/** For Redis: 0 is for ever. */
function expiryOfSpan(span: Span): Milliseconds {
  const total = totalOf(span)
  return total === Infinity ? 0 : total
}

/** Whether they stand, and nothing was told of them since a question was asked. */
function stoodSince(generations: readonly Generation[], asked: number): boolean {
  for (const one of generations) if (one.ended || one.doubted >= asked) return false
  return true
}

/** An ioredis client may carry a prefix of its own, before ours. */
export function clientPrefix(client: RedisLike): string {
  const { options } = client as { options?: { keyPrefix?: unknown } }
  return options?.keyPrefix === undefined ? '' : String(options.keyPrefix)
}
