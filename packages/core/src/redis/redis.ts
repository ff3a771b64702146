import type { Clock } from '../clock.js'
import type { Environment } from '../environment.js'
import { ANY_TAG, type Generation, type Generations, type Question } from '../generations.js'
import { escapeGlob, pathsAround, type RedisKeys } from '../keys.js'
import type { Claim, ClaimMode, Lease } from '../lease.js'
import { type Span, totalOf } from '../lifetime.js'
import type { Mark } from '../mark.js'
import type { CircuitState, Failure } from '../outcome.js'
import { type Place, placeOf } from '../place.js'
import type { Milliseconds, RedisLike } from '../types.js'
import { untraced } from '../untraced.js'
import { byteLength, type Encoded } from '../values.js'
import { Budget } from './budget.js'
import { Channel } from './channel.js'
import { Coherence } from './coherence.js'
import { RedisConnection } from './connection.js'
import { failureOf } from './failure.js'
import { readGenerationId } from './generation-id.js'
import { Recovery } from './recovery.js'
import { RedisClock, readTime } from './redis-clock.js'
import { BARREN, FRUITLESS } from './released.js'
import {
  CLAIM,
  EXPIRE_VALUE,
  NOTE_GENERATION,
  RELEASE_LEASES,
  RENEW_LEASES,
  ROTATE_GENERATION,
  type Script,
  STORE_VALUE,
} from './scripts.js'
import { readStored, type Stored, writePieces, writeTags } from './stored-form.js'
import { type Demand, Unconfirmed } from './unconfirmed.js'
import { type Wait, Waiters } from './waiters.js'
import { type Command, command, type Reply, runScript, Wire } from './wire.js'

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
  /** When the read was sent, and in which epoch of the channel: what memory may believe begins here. */
  readonly sentAt: Milliseconds
  readonly epoch: number
}

/** What became of a write. `ended`: its lease, or a generation that it was noted under, has ended. */
export type RedisWrite =
  | { readonly kind: 'stored'; readonly sentAt: Milliseconds; readonly epoch: number }
  | { readonly kind: 'ended' }
  | RedisFailed

export type RedisDone = { readonly kind: 'done' } | RedisFailed

export interface RedisFailed {
  readonly kind: 'failed'
  readonly error: Failure
}

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

/** What a claim of a key found, and what became of it; undefined where there was something fresh. */
export interface Claimed {
  readonly read: RedisRead
  readonly claim: Claim | undefined
}

/** The generations that a value will belong to, as they stand. */
export interface Noted {
  readonly kind: 'noted'
  readonly generations: readonly Generation[]
  /** See `Lease`. */
  readonly anyTag: readonly Generation[]
}

const ABSENT: RedisRead = { kind: 'missing', reason: 'absent' }
const UNDECODABLE: RedisRead = { kind: 'missing', reason: 'undecodable' }
const DONE: RedisDone = { kind: 'done' }
const NONSENSE: RedisFailed = { kind: 'failed', error: 'other' }
const ENDED: RedisWrite = { kind: 'ended' }
/** What Redis tells, and concerns other rooms. */
export interface ChangeListener {
  /** A key was changed, by whomever. */
  changed(place: Place): void
  /** Everything was. */
  flushed(): void
}

const TAKEN: Claim = { kind: 'taken' }
/** So long a lease stands without being renewed: a leader that died is replaced within this, and a poll. */
const LEASE_TIME: Milliseconds = 2_000
/** So long the fence of loader's tags is kept where nobody loads. */
const FENCE_TIME: Milliseconds = 600_000
const SCAN_COUNT = 512
/** So many names go into one command: more would hold up what others ask. */
const CHUNK = 500
const NOTHING: Reply = { ok: true, value: null }
/** What Redis answers to nothing that was asked. */
const GARBAGE: Reply = { ok: false, error: 'undecodable' }

/** The Redis tier: the one place that knows commands and keys. It returns tagged results and never throws. */
export class RedisTier {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #generations: Generations
  readonly #clock: Clock
  readonly #newId: () => string
  /** What the tokens of this process's leases begin with. */
  readonly #holder: string
  #leases = 0
  readonly #timeout: Milliseconds
  readonly #redisClock = new RedisClock()
  /** Stored bytes. */
  readonly moved: Record<'read' | 'written', number> = { read: 0, written: 0 }
  readonly #unconfirmed: Unconfirmed
  readonly #recovery: Recovery
  readonly #waiters: Waiters
  readonly #listener: ChangeListener
  readonly #channel: Channel
  readonly coherence: Coherence
  /** Keys that the channel has named. */
  invalidations = 0

  /** @param timeout of what goes on in the background */
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
    this.#newId = newId
    this.#holder = newId()
    this.#timeout = timeout
    this.#listener = listener
    const own = clientPrefix(client)
    this.coherence = new Coherence(
      keys.tracked.map((prefix) => own + prefix),
      own + keys.leases,
      maxStaleness,
      clock,
      {
        changed: (name) => this.#changed(name.slice(own.length)),
        flushed: () => this.#flushed(),
        released: (lease, isBarren) => this.#waiters.wake(keys.valueOf(lease.slice(own.length)), isBarren),
      },
    )
    this.#waiters = new Waiters(clock, () => this.coherence.isStanding)
    this.#channel = Channel.join(client, this.coherence, clock)
    const recover = (): void => this.#recovery.wake()
    this.#connection = new RedisConnection(client, clock, recover, recover)
    this.#unconfirmed = new Unconfirmed(keys.generation(''), () => this.#recovery.begin())
    const { breaker } = this.#connection
    const actions = {
      isNeeded: () => !breaker.isClosed || this.#unconfirmed.size > 0,
      isConnected: () => this.#connection.isConnected,
      ping: () => this.#connection.ping(),
      replay: () => this.#replay(),
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
    return this.#unconfirmed.size
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
    const values = keys.map((key) => this.#keys.value(path, key))
    const known = this.#idsOf(generations)
    const names = generations.map(this.#nameOf)
    const refused = await this.#settleBefore([...names, ...values], budget)
    const question = this.#ask()
    const replies =
      refused === undefined
        ? await this.#getAll(known === undefined ? [...names, ...values] : values, budget)
        : undefined
    if (replies === undefined) return keys.map(() => ({ kind: 'failed', error: refused ?? 'other' }))
    const first = known === undefined ? generations.length : 0
    const ids = known ?? this.#confirm(generations, replies, question)
    const reads = keys.map((_, index) => {
      const reply = replies[first + index] as Reply
      if (reply.ok && Buffer.isBuffer(reply.value)) this.moved.read += reply.value.length
      return readOf(reply)
    })
    if (!reads.some(isUnjudged)) return reads as readonly RedisRead[]
    const sent = { sentAt, ...question }
    return Promise.all(
      reads.map((read) =>
        isUnjudged(read) ? this.#judgeIn(path, read.stored, tags, generations, ids, sent, budget) : read,
      ),
    )
  }

  /** What is known of generations by a channel that was proven; undefined where Redis has to be asked. */
  #idsOf(generations: readonly Generation[]): ReadonlyArray<string | undefined> | undefined {
    const { epoch } = this.coherence
    const isProven = this.#clock.now() < this.coherence.believedUntil(epoch)
    return isProven && generations.every((one) => one.epoch === epoch) ? generations.map(({ id }) => id) : undefined
  }

  /** What replicas answer may be older than what the masters have told. */
  get #epoch(): number {
    const { options } = this.#connection.client as { options?: { scaleReads?: unknown } }
    return (options?.scaleReads ?? 'master') === 'master' ? this.coherence.now : 0
  }

  #ask(): Question {
    return this.#generations.ask(this.#epoch)
  }

  /** By ids that stand, unless they have ended meanwhile or the value has other tags than expected. */
  async #judgeIn(
    path: string,
    stored: Stored,
    tags: readonly string[],
    generations: readonly Generation[],
    ids: ReadonlyArray<string | undefined>,
    sent: Question & { readonly sentAt: Milliseconds },
    budget: Budget,
  ): Promise<RedisRead> {
    if (sameTags(stored.tags, tags) && !generations.some((one) => one.ended || one.doubted >= sent.asked)) {
      return this.#judge(stored, generations, ids, sent)
    }
    const others = this.#generations.of(pathsAround(path), stored.tags)
    const known = this.#idsOf(others)
    if (known !== undefined) return this.#judge(stored, others, known, sent)
    const names = others.map(this.#nameOf)
    const refused = await this.#settleBefore(names, budget)
    if (refused !== undefined) return { kind: 'failed', error: refused }
    const question = this.#ask()
    const replies = await this.#getAll(names, budget)
    for (const reply of replies) if (!reply.ok) return { kind: 'failed', error: reply.error }
    return this.#judge(stored, others, this.#confirm(others, replies, question), sent)
  }

  /**
   * Reads keys of one view and takes the lease of each that has nothing fresh, together with the generations that what is
   * loaded will belong to. One trip, two in a Cluster, where generations live elsewhere.
   *
   * @param lasting how long what is loaded may last
   */
  async claim(
    path: string,
    keys: readonly string[],
    tags: readonly string[],
    lasting: Milliseconds,
    mode: ClaimMode,
    budget: Budget,
  ): Promise<readonly Claimed[]> {
    const { isCluster } = this.#connection
    const names = keys.map((key) => this.#keys.value(path, key))
    let noted: Noted | RedisFailed = this.#generationsFor(path, tags)
    const isKnown = this.#idsOf([...noted.generations, ...noted.anyTag]) !== undefined
    if (isCluster && !isKnown) noted = await this.note(path, tags, lasting, budget)
    if (noted.kind === 'failed') return names.map(() => ({ read: noted, claim: noted }))
    const expected = noted
    const generations = [...expected.generations, ...expected.anyTag]
    const generationNames = generations.map(this.#nameOf)
    const isAsked = !isCluster && !isKnown
    const inKeys = isAsked ? generationNames : []
    const inArguments = isAsked ? [] : generations.map(({ id }) => id ?? '')
    const refused = await this.#settleBefore([...names, ...generationNames], budget)
    if (refused !== undefined) return names.map(() => claimFailed(refused))
    const sentAt = this.#clock.now()
    const question = this.#ask()
    const sent = { sentAt, ...question }
    const token = this.#newToken()
    const groups = this.#groupsOf(names)
    const commands = groups.map((group) =>
      runScript(
        CLAIM,
        [...inKeys, ...group.flatMap((name) => [name, this.#leaseOf(name)])],
        [
          token,
          LEASE_TIME,
          // Random numbers cost as much as all the rest of a claim.
          isAsked ? this.#newId() : '',
          expiryOf(lasting),
          mode,
          writeTags(tags),
          expected.generations.length,
          inKeys.length,
          ...inArguments,
        ],
      ),
    )
    const replies = await this.#connection.send(commands, budget)
    const claimed = groups.map((group, index): ReadonlyArray<Promise<Claimed> | Claimed> => {
      const reply = replies[index] as Reply
      const answer = reply.ok ? readClaims(reply.value, group.length) : undefined
      if (answer === undefined) return group.map(() => claimFailed(reply.ok ? 'other' : reply.error))
      this.#redisClock.sample(answer.instant, sentAt)
      const ids = isAsked ? answer.ids : inArguments
      const { asked: answered } = this.#generations.ask()
      if (isAsked) this.#takeOver(generations, ids, question, answered)
      // A generation that ended has been replaced by one that takes the new id.
      const current = isAsked ? this.#generationsFor(path, tags) : expected
      if (isAsked) this.#takeOver([...current.generations, ...current.anyTag], ids, question, answered)
      const known = ids.slice(0, expected.generations.length)
      return group.map(async (name, at): Promise<Claimed> => {
        const value = answer.values[at]
        if (Buffer.isBuffer(value)) this.moved.read += value.length
        const found = readOf({ ok: true, value })
        const read = isUnjudged(found)
          ? await this.#judgeIn(path, found.stored, tags, expected.generations, known, sent, budget)
          : found
        const won = numberOf(answer.claims[at])
        if (won === undefined) {
          return { read, claim: { kind: 'failed', error: failureOf(new Error(String(answer.claims[at]))) } }
        }
        if (won < 0) return { read, claim: undefined }
        const stale = read.kind === 'found' ? { ...read, fresh: false } : read
        if (won === 0) return { read: stale, claim: TAKEN }
        const { generations: belongs, anyTag } = current
        const lease: Lease = { name: this.#leaseOf(name), token, generations: belongs, anyTag, asked: question.asked }
        return { read: stale, claim: { kind: 'held', lease } }
      })
    })
    return Promise.all(claimed.flat())
  }

  /**
   * Keeps leases while their load goes on. What fails is tried again by the next call.
   *
   * @returns those that stand no more, because their key was changed, and those that do
   */
  async renew(leases: readonly Lease[]): Promise<{ readonly lost: readonly Lease[]; readonly kept: readonly Lease[] }> {
    const groups = this.#leaseGroups(leases)
    const replies = await this.#runOn(groups, RENEW_LEASES, LEASE_TIME)
    const lost: Lease[] = []
    const kept: Lease[] = []
    for (const [index, group] of groups.entries()) {
      const reply = replies[index] as Reply
      const answers: readonly unknown[] = reply.ok && Array.isArray(reply.value) ? reply.value : []
      for (const [at, lease] of group.entries()) {
        const answer = numberOf(answers[at])
        if (answer === 0) lost.push(lease)
        else if (answer !== undefined) kept.push(lease)
      }
    }
    return { lost, kept }
  }

  /**
   * Gives leases back under which nothing was stored. Where Redis cannot be asked they end by themselves.
   *
   * @param isBarren the load went well, and brought nothing that could be stored: there is nothing to wait for
   */
  async release(leases: readonly Lease[], isBarren: boolean): Promise<void> {
    await this.#runOn(this.#leaseGroups(leases), RELEASE_LEASES, this.coherence.leases, isBarren ? BARREN : FRUITLESS)
  }

  /** Leases of one token each, as many as may go into one command. */
  #leaseGroups(leases: readonly Lease[]): ReadonlyArray<readonly Lease[]> {
    const byToken = new Map<string, Lease[]>()
    for (const lease of leases) {
      const those = byToken.get(lease.token)
      if (those === undefined) byToken.set(lease.token, [lease])
      else those.push(lease)
    }
    return [...byToken.values()].flatMap((those) => this.#groupsOf(those))
  }

  #runOn(
    groups: ReadonlyArray<readonly Lease[]>,
    script: Script,
    ...args: ReadonlyArray<string | number>
  ): Promise<readonly Reply[]> {
    const commands = groups.map((group) => {
      const names = group.map(({ name }) => name)
      return runScript(script, names, [(group[0] as Lease).token, ...args])
    })
    return this.#connection.send(commands, this.#budget(this.#timeout))
  }

  /** What may go into one command: a Cluster takes keys of one slot only. */
  #groupsOf<T>(names: readonly T[]): ReadonlyArray<readonly T[]> {
    return this.#connection.isCluster ? names.map((name) => [name]) : chunksOf(names)
  }

  /** Begins to wait for what others store at these places. */
  await(places: readonly Place[]): Wait {
    return this.#waiters.wait(places.map(({ path, key }) => this.#keys.value(path, key)))
  }

  /** Whether those who wait have been told that nothing is going to be stored at this place. */
  isBarren({ path, key }: Place, wait: Wait): boolean {
    return wait.barren.has(this.#keys.value(path, key))
  }

  /** Whether generations that were noted still stand in Redis. */
  async stand(generations: readonly Generation[], budget: Budget): Promise<boolean> {
    const names = generations.map(this.#nameOf)
    if ((await this.#settleBefore(names, budget)) !== undefined) return false
    const question = this.#ask()
    const ids = this.#confirm(generations, await this.#getAll(names, budget), question)
    return generations.every(({ id, ended }, index) => id !== undefined && id === ids[index] && !ended)
  }

  #newToken(): string {
    this.#leases += 1
    return this.#holder + this.#leases.toString(36)
  }

  #leaseOf(name: string): string {
    return this.#keys.leaseOf(name) as string
  }

  #generationsFor(path: string, tags: readonly string[]): Noted {
    const paths = pathsAround(path)
    return { kind: 'noted', generations: this.#generations.of(paths, tags), anyTag: this.#generations.anyTag(paths) }
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
    const known = this.#generationsFor(path, tags)
    const { isCluster } = this.#connection
    const mustAsk = again || isCluster
    if (!mustAsk && known.generations.every((one) => one.id !== undefined)) return known
    const generations = isCluster ? [...known.generations, ...known.anyTag] : known.generations
    const refused = await this.#settleBefore(generations.map(this.#nameOf), budget)
    if (refused !== undefined) return { kind: 'failed', error: refused }
    const question = this.#ask()
    const expiry = expiryOf(lasting)
    const commands = generations.map((one) =>
      // The widest generation is one key for the whole cache: it may stay for ever.
      runScript(NOTE_GENERATION, [this.#nameOf(one)], [this.#newId(), isWidest(one) ? 0 : expiry]),
    )
    const replies = await this.#sendSampling(commands, budget)
    for (const reply of replies) if (!reply.ok) return { kind: 'failed', error: reply.error }
    const { asked: answered } = this.#generations.ask()
    this.#confirm(generations, replies, question, answered)
    // A generation that ended has been replaced by one that takes the new id.
    const current = this.#generationsFor(path, tags)
    this.#confirm(
      isCluster ? [...current.generations, ...current.anyTag] : current.generations,
      replies,
      question,
      answered,
    )
    return current
  }

  /**
   * Stores a value where its lease and the generations it was noted under still stand.
   *
   * @param mark void once the key has changed since: then a script that Redis had forgotten is not sent again
   */
  async write({ path, key }: Place, writing: Writing, mark: Mark, budget: Budget): Promise<RedisWrite> {
    const name = this.#keys.value(path, key)
    const names = [name]
    if (this.#isUnsettled(names)) {
      const refused = await this.#deleteAgain(this.#unconfirmed.of(names), budget)
      if (refused !== undefined) return { kind: 'failed', error: refused }
      if (mark.void) return ENDED
    }
    // Nothing may be awaited up to here else: a change that comes later must also be sent later.
    let wrote = await this.#store(name, writing, mark, budget)
    if (wrote.kind !== 'late') return wrote
    if (mark.void) return ENDED
    // Redis's clock is not where it was believed to be; now it is known.
    wrote = await this.#store(name, writing, mark, budget)
    return wrote.kind === 'late' ? { kind: 'failed', error: 'timeout' } : wrote
  }

  async #store(
    name: string,
    writing: Writing,
    mark: Mark,
    budget: Budget,
  ): Promise<RedisWrite | { readonly kind: 'late' }> {
    const { generations, span, body, lease } = writing
    const total = totalOf(span)
    const [beforeStoredAt, beforeIds, beforeBody] = writePieces(writing, byteLength(body))
    const sentAt = this.#clock.now()
    const epoch = this.#epoch
    const reply = await this.#connection.sendOne(
      runScript(
        STORE_VALUE,
        // In a Cluster generations live elsewhere. A value whose generation has ended is then stored, and never read.
        [name, this.#leaseOf(name), ...(this.#connection.isCluster ? [] : generations.map(this.#nameOf))],
        [
          total === Infinity ? 0 : total,
          this.#redisClock.toRedis(sentAt + budget.left) ?? '',
          beforeStoredAt,
          beforeIds,
          typeof body === 'string' ? beforeBody + body : Buffer.concat([Buffer.from(beforeBody), body]),
          lease?.token ?? '',
          ...generations.map((one) => one.id ?? ''),
        ],
        () => mark.void,
      ),
      budget,
    )
    if (!reply.ok) return { kind: 'failed', error: reply.error }
    const instant = numberOf(reply.value)
    if (instant === undefined) return NONSENSE
    if (instant === 0) {
      // Whatever is believed of them is to be looked up: a key must not stay unstored for what was missed.
      for (const one of generations) this.#generations.doubt(one)
      return ENDED
    }
    this.#redisClock.sample(Math.abs(instant), sentAt)
    if (instant < 0) return { kind: 'late' }
    const head = [beforeStoredAt, String(instant), beforeIds, generations.map(({ id }) => id).join(','), beforeBody]
    this.moved.written += head.join('').length + byteLength(body)
    return { kind: 'stored', sentAt, epoch }
  }

  /** Whatever Redis holds under a key is not to be read any more: deleted as soon as Redis can be asked. */
  distrust({ path, key }: Place): void {
    this.#unconfirmed.add(this.#keys.value(path, key))
  }

  /** Deletes values. */
  async delete(path: string, keys: readonly string[], budget: Budget): Promise<RedisDone> {
    const names = keys.map((key) => this.#keys.value(path, key))
    const demands = this.#unconfirmed.of(names)
    const done = await this.#deleteNames(names, budget)
    if (done.kind === 'done') this.#unconfirmed.confirmed(demands)
    else for (const name of names) this.#unconfirmed.add(name)
    return done
  }

  /**
   * Makes a value stale. Where Redis does not confirm that, the value is to be deleted.
   *
   * @param mark void once the key has changed since: then a script that Redis had forgotten is not sent again
   */
  async expire(place: Place, mark: Mark, budget: Budget): Promise<RedisDone> {
    const name = this.#keys.value(place.path, place.key)
    const names = [name]
    if (this.#isUnsettled(names)) {
      const refused = await this.#deleteAgain(this.#unconfirmed.of(names), budget)
      if (refused !== undefined) return { kind: 'failed', error: refused }
      if (mark.void) return DONE
    }
    const script = runScript(EXPIRE_VALUE, [name, this.#leaseOf(name)], [], () => mark.void)
    const reply = await this.#connection.sendOne(script, budget)
    if (reply.ok && numberOf(reply.value) !== undefined) return DONE
    this.distrust(place)
    return reply.ok ? NONSENSE : { kind: 'failed', error: reply.error }
  }

  /** Ends a generation: everything under the path, or with the tag under the path, is a miss from here on. */
  async endGeneration(path: string, tag: string | undefined, budget: Budget): Promise<RedisDone> {
    const name = this.#keys.generation(path, tag)
    // What is to be deleted under the path is a miss as well, once that has ended.
    const names = tag === undefined ? this.#unconfirmed.under(this.#keys.value(path), name) : [name]
    const demands = this.#unconfirmed.of(names)
    const done = tag === undefined ? await this.#deleteNames([name], budget) : await this.#endTag(path, name, budget)
    this.#unconfirmed.confirmed(demands)
    if (done.kind === 'failed') this.#unconfirmed.add(name)
    return done
  }

  /** What this process is loading knows which tags have ended here: it goes on behind a fence of a new id. */
  async #endTag(path: string, name: string, budget: Budget): Promise<RedisDone> {
    const [fence] = this.#generations.anyTag([path]) as [Generation]
    const { asked } = this.#generations.ask()
    const next = this.#newId()
    const replies = await this.#connection.send([command('del', name), this.#rotate(this.#nameOf(fence), next)], budget)
    const [deleted, rotated] = replies as [Reply, Reply]
    if (rotated.ok && fence.id !== undefined && readGenerationId(rotated.value) === fence.id) {
      this.#generations.rename(fence, next, asked)
    } else {
      this.#generations.end(path, ANY_TAG)
    }
    return rotated.ok ? doneOf([deleted]) : { kind: 'failed', error: rotated.error }
  }

  #rotate(name: string, next: string): Command {
    return runScript(ROTATE_GENERATION, [name], [next, FENCE_TIME])
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
    this.#waiters.wakeAll()
    this.#recovery.close()
    this.#connection.close()
  }

  /** Deletes what is unconfirmed, until Redis refuses. */
  async #replay(): Promise<void> {
    const names = this.#unconfirmed.of().map(([name]) => name)
    for (const chunk of chunksOf(names)) {
      // Looked up now: what has been confirmed meanwhile may have been set since.
      const demands = this.#unconfirmed.of(chunk)
      if (demands.length === 0) continue
      const failure = await this.#deleteAgain(demands, this.#budget(this.#timeout))
      if (failure !== undefined) return
    }
  }

  /** Whether the deletion of one of these names is unconfirmed: nothing is read or written under it before. */
  #isUnsettled(names: readonly string[]): boolean {
    return this.#unconfirmed.size > 0 && names.some((name) => this.#unconfirmed.has(name))
  }

  /** @returns why Redis could not be asked */
  #settleBefore(names: readonly string[], budget: Budget): Promise<Failure | undefined> | undefined {
    return this.#isUnsettled(names) ? this.#deleteAgain(this.#unconfirmed.of(names), budget) : undefined
  }

  async #deleteAgain(demands: readonly Demand[], budget: Budget): Promise<Failure | undefined> {
    const names = demands.map(([name]) => name)
    const done = await this.#deleteNames(names, budget)
    if (done.kind === 'failed') return done.error
    this.#unconfirmed.confirmed(demands)
    return undefined
  }

  #budget(patience: Milliseconds): Budget {
    return new Budget(patience, this.#clock)
  }

  readonly #nameOf = (generation: Generation): string => this.#keys.generation(generation.path, generation.tag)

  /** One MGET, or a GET each in a Cluster, where they live in many slots. */
  async #getAll(names: readonly string[], budget: Budget): Promise<readonly Reply[]> {
    const { isCluster } = this.#connection
    const isEach = isCluster || names.length === 1
    const commands = isEach
      ? names.map((name) => command('get', name))
      : chunksOf(names).map((chunk) => command('mget', ...chunk))
    const replies = await this.#sendSampling(commands, budget)
    // Another type is nothing to MGET.
    if (isEach) return replies.map((reply) => (reply.ok || reply.error !== 'undecodable' ? reply : NOTHING))
    return chunksOf(names).flatMap((chunk, index) => {
      const all = replies[index] as Reply
      if (!all.ok) return chunk.map(() => all)
      const values: unknown = all.value
      if (!Array.isArray(values) || values.length !== chunk.length) return chunk.map(() => GARBAGE)
      return values.map((value): Reply => ({ ok: true, value }))
    })
  }

  /** Asks for Redis's time along with the commands, where the last sample of it is old. */
  async #sendSampling(commands: readonly Command[], budget: Budget): Promise<readonly Reply[]> {
    const sentAt = this.#clock.now()
    if (!this.#redisClock.needsSample(sentAt)) return this.#connection.send(commands, budget)
    const replies = await this.#connection.send([...commands, command('time')], budget)
    const time = replies[commands.length] as Reply
    const instant = time.ok ? readTime(time.value) : undefined
    if (instant !== undefined) this.#redisClock.sample(instant, sentAt)
    return replies.slice(0, commands.length)
  }

  /** Takes over the ids that Redis told. */
  #confirm(
    generations: readonly Generation[],
    replies: readonly Reply[],
    question: Question,
    answered?: number,
  ): readonly (string | undefined)[] {
    return generations.map((generation, index) => {
      const reply = replies[index] as Reply
      if (!reply.ok) return undefined
      const id = readGenerationId(reply.value)
      this.#generations.confirm(generation, id, question, answered)
      return id
    })
  }

  #takeOver(
    generations: readonly Generation[],
    ids: ReadonlyArray<string | undefined>,
    question: Question,
    answered: number,
  ): void {
    for (const [at, one] of generations.entries()) this.#generations.confirm(one, ids[at], question, answered)
  }

  /** Redis tells that something of this cache was changed, by whomever. */
  #changed(name: string): void {
    this.invalidations += 1
    const read = this.#keys.read(name)
    if (read === undefined) return
    const { kind, path, key } = read
    if (kind === 'value') {
      this.#waiters.wake(name)
      if (key !== undefined) this.#listener.changed(placeOf(path, key))
      return
    }
    const generation = this.#generations.find(path, key)
    if (generation === undefined) return
    this.#generations.doubt(generation)
    if (generation.id !== undefined) untraced(() => this.#verify(generation))
  }

  #flushed(): void {
    this.#listener.flushed()
    this.#generations.endAll()
    this.#waiters.wakeAll()
  }

  /** It may have ended, or only have been kept for longer. Where Redis does not say, it counts as ended. */
  async #verify(generation: Generation): Promise<void> {
    const { path, tag } = generation
    const question = this.#ask()
    const replies = await this.#getAll([this.#nameOf(generation)], this.#budget(this.#timeout))
    const [id] = this.#confirm([generation], replies, question)
    if (id === undefined && !generation.ended) this.#generations.end(path, tag)
  }

  #judge(
    stored: Stored,
    generations: readonly Generation[],
    ids: readonly (string | undefined)[],
    { sentAt, epoch }: { readonly sentAt: Milliseconds; readonly epoch: number },
  ): RedisRead {
    // An id that is missing stands for nothing; the stored ones are joined as the writing script joined them.
    if (ids.includes(undefined) || ids.join(',') !== stored.generations) return ABSENT
    const freshUntil = this.#redisClock.toLocal(stored.storedAt + stored.span.fresh)
    // What has no stale windows is gone from Redis once it is no longer fresh: that it is there is the proof.
    const fresh = totalOf(stored.span) === stored.span.fresh || freshUntil > sentAt
    const storedAt = this.#redisClock.toLocal(stored.storedAt)
    return { kind: 'found', stored, generations, storedAt, freshUntil, fresh, sentAt, epoch }
  }

  /** With a value goes its lease, because what is being loaded is older; with a generation what fences loaders' tags. */
  async #deleteNames(names: readonly string[], budget: Budget): Promise<RedisDone> {
    const { isCluster } = this.#connection
    const whole = names.flatMap((name) => {
      const lease = this.#keys.leaseOf(name)
      // In one command: they are in one slot.
      return lease === undefined ? [[name]] : [[name, lease]]
    })
    const fences = [...new Set(names.flatMap((name) => this.#keys.anyTagOf(name) ?? []))].map((name) => [name])
    const all = [...whole, ...fences]
    const groups = isCluster ? all : chunksOf(all).map((chunk) => chunk.flat())
    const commands = groups.map((group) => command('del', ...group))
    const replies = await this.#connection.send(commands, budget)
    if (!isCluster) return doneOf(replies)
    // In a slot that is moving, commands of two keys fail. The lease goes twice: nobody is to take it in between.
    const moving = groups.filter((group, index) => group.length > 1 && isMoving(replies[index] as Reply))
    if (moving.length === 0) return doneOf(replies)
    const singles = moving.flatMap(([value, lease]) =>
      [lease, value, lease].map((name) => command('del', name as string)),
    )
    const settled = replies.filter((reply, index) => (groups[index] as string[]).length === 1 || !isMoving(reply))
    return doneOf([...settled, ...(await this.#connection.send(singles, budget))])
  }

  async #purgeMaster(master: RedisLike, path: string, patience: Milliseconds): Promise<RedisDone> {
    const wire = new Wire(master, this.#clock)
    // SCAN knows nothing of the client's own prefix; the client puts it before the keys that UNLINK names.
    const pattern = escapeGlob(clientPrefix(this.#connection.client)) + this.#keys.valuesPattern(path)
    const strip = Buffer.byteLength(clientPrefix(master))
    let cursor = '0'
    do {
      const scan = command('scan', cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT)
      const [reply] = (await wire.send([scan], patience)) as [Reply]
      if (!reply.ok) return { kind: 'failed', error: reply.error }
      const [next, names] = Array.isArray(reply.value) ? (reply.value as [Buffer, Buffer[]]) : []
      if (!Array.isArray(names)) return NONSENSE
      cursor = String(next)
      const unlinks = names.map((name) => command('unlink', name.subarray(strip)))
      for (const unlinked of await wire.send(unlinks, patience)) {
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

/** A client may be set to give numbers as strings. */
function numberOf(value: unknown): number | undefined {
  return /^-?\d+$/.test(String(value)) ? Number(value) : undefined
}

function readOf(reply: Reply): Unjudged | RedisRead {
  if (!reply.ok) return reply.error === 'undecodable' ? UNDECODABLE : { kind: 'failed', error: reply.error }
  if (reply.value === null) return ABSENT
  const stored = Buffer.isBuffer(reply.value) ? readStored(reply.value) : undefined
  return stored === undefined ? UNDECODABLE : { kind: 'stored', stored }
}

function chunksOf<T>(names: readonly T[]): ReadonlyArray<readonly T[]> {
  if (names.length <= CHUNK) return [names]
  return Array.from({ length: Math.ceil(names.length / CHUNK) }, (_, index) =>
    names.slice(index * CHUNK, (index + 1) * CHUNK),
  )
}

/** Whether all deletes were done. */
function doneOf(replies: readonly Reply[]): RedisDone {
  for (const reply of replies) {
    if (!reply.ok) return { kind: 'failed', error: reply.error }
    if (numberOf(reply.value) === undefined) return NONSENSE
  }
  return DONE
}

interface Claims {
  readonly instant: Milliseconds
  readonly ids: ReadonlyArray<string | undefined>
  readonly values: readonly unknown[]
  readonly claims: readonly unknown[]
}

/** What CLAIM answers for so many keys. */
function readClaims(reply: unknown, count: number): Claims | undefined {
  if (!Array.isArray(reply)) return undefined
  const [time, ids, values, claims] = reply as unknown[]
  const instant = numberOf(time)
  if (instant === undefined || !Array.isArray(ids) || !Array.isArray(values) || !Array.isArray(claims)) return undefined
  return claims.length === count ? { instant, ids: ids.map(readGenerationId), values, claims } : undefined
}

function isMoving(reply: Reply): boolean {
  return !reply.ok && reply.error === 'cluster'
}

function claimFailed(error: Failure): Claimed {
  return { read: { kind: 'failed', error }, claim: { kind: 'failed', error } }
}

/** For Redis: 0 is for ever. */
function expiryOf(lasting: Milliseconds): Milliseconds {
  return lasting === Infinity ? 0 : Math.max(1, lasting)
}

function isWidest(generation: Generation): boolean {
  return generation.path === '' && generation.tag === undefined
}

function sameTags(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((tag, index) => tag === other[index])
}

/** An ioredis client may carry a prefix of its own, before ours. */
export function clientPrefix(client: RedisLike): string {
  const { options } = client as { options?: { keyPrefix?: unknown } }
  return options?.keyPrefix === undefined ? '' : String(options.keyPrefix)
}
