import type { CallSpan } from './call-span.js'
import { type MemoryEntry, uselessFrom } from './entry.js'
import type { Flight } from './flight/flights.js'
import type { Generation } from './generations.js'
import { isUnder, pathsAround } from './keys.js'
import type { Lease } from './lease.js'
import { drawSpan, type ResolvedLifetime, type Span, totalOf } from './lifetime.js'
import { type Change, type Mark, mayKeep } from './mark.js'
import type { EvictionReason } from './memory/memory.js'
import type { Operation, Unconfirmed } from './outcome.js'
import type { Packed, Packing } from './packing/packing.js'
import { type Place, placeOf, placeOfId } from './place.js'
import type { Budget } from './redis/budget.js'
import { Deadlines } from './redis/deadlines.js'
import type { RedisDone } from './redis/deletes.js'
import { InOrder } from './redis/in-order.js'
import type { Rooms } from './rooms.js'
import type { SpanOperation } from './telemetry/spans.js'
import type { Milliseconds } from './types.js'
import { byteLength, type Encoded, type HeldValue } from './values.js'

/** A value ready to be stored. */
export interface Storing {
  readonly encoded: Encoded
  /** As Redis is to have it, where that is not as it was encoded. */
  readonly packed?: Packed | undefined
  readonly held: HeldValue
  readonly span: Span
  readonly loadDuration: Milliseconds
  readonly tags: readonly string[]
  /** Those of the value, noted before it was loaded. */
  readonly generations: readonly Generation[]
  /** Of what was loaded. */
  readonly lease: Lease | undefined
}

/** What a load leaves: a value; nothing, because there is nothing to store; nothing, because it failed or came too late. */
export type Fate = 'written' | 'barren' | 'fruitless'

/** A value that is to be stored. */
interface Unsent {
  readonly tags: readonly string[]
}

/** How often a `set` notes its generations anew when they end under it: each time another `clear` came between. */
const ATTEMPTS = 3

/**
 * The write path. A change first makes void what is in progress for its keys, and drops them from memory, so that nothing
 * older outlives it. Memory is filled again only with what Redis has confirmed.
 */
export class WritePath {
  readonly #rooms: Rooms
  readonly #underWay = new Set<Promise<boolean>>()
  /** The `set`s that have not been sent, by key: of several the last, because the others give way to it. */
  readonly #unsent = new Map<string, Unsent>()
  readonly #deadlines: Deadlines
  readonly #inOrder: InOrder

  constructor(rooms: Rooms) {
    this.#rooms = rooms
    this.#deadlines = new Deadlines(rooms.clock)
    this.#inOrder = new InOrder(rooms.clock)
  }

  /** Resolves to whether all were confirmed. Rejects with InvalidValueError before anything was changed. */
  async set(path: string, entries: Iterable<readonly [string, unknown]>, lifetime: ResolvedLifetime): Promise<boolean> {
    const { values, random, packing } = this.#rooms
    // Of a key that comes twice the last value counts.
    const writes = Array.from(new Map(entries), ([key, value]) => {
      const accepted = values.accept(key, value)
      return { place: placeOf(path, key), ...accepted, span: drawSpan(lifetime, accepted.isNull, random) }
    })
    let fits = true
    const keys = writes.map(({ place }) => place.key)
    const confirmed = await this.#call('put', 'set', keys, (budget, span) => {
      span?.sized(
        writes.reduce((sum, { encoded }) => sum + byteLength(encoded), 0),
        lifetime.ttl,
      )
      const { tags } = lifetime
      return Promise.all(
        writes.map(({ place, encoded, held, span }) => {
          const unsent: Unsent = { tags }
          const write = (mark: Mark | undefined, packed: Packed | undefined): Promise<Unconfirmed> => {
            const isFit = this.#fits(place, packed?.body ?? encoded)
            fits &&= isFit
            // What is not to be stored must not leave the old value behind.
            if (span.fresh === 0 || !isFit) return this.#remove(path, [place], budget)
            const storing = { encoded, packed, held, span, loadDuration: 0, tags }
            return this.#setOne(place, storing, budget, mark, unsent)
          }
          return this.#change([place], undefined, (mark) => {
            this.#unsent.set(place.id, unsent)
            const send = (packed?: Packed): Promise<Unconfirmed> =>
              this.#inTurn([place], budget, mark, () => write(mark, packed))
            const sent = packing === undefined ? send() : this.#whenPacked(packing, place, encoded, tags, budget, send)
            const ended = (): void => this.#sent(place, unsent)
            sent.then(ended, ended)
            return sent
          })
        }),
      )
    })
    return fits && confirmed
  }

  delete(path: string, keys: Iterable<string>): Promise<boolean> {
    const places = Array.from(keys, (key) => placeOf(path, key))
    const names = places.map(({ key }) => key)
    return this.#call('remove', 'delete', names, async (budget) => {
      const remove = (): Promise<Unconfirmed> => this.#remove(path, places, budget)
      return [await this.#change(places, 'invalidated', (mark) => this.#inTurn(places, budget, mark, remove))]
    })
  }

  /** Ends the generation of everything under the path. The bytes expire by themselves, or are purged at once. */
  clear(path: string, purge: boolean): Promise<boolean> {
    const { redis, generations, inProgress, flights } = this.#rooms
    return this.#call('flush', 'clear', [], async (budget) => {
      const endHere = (): void => {
        flights.leaveUnder(path)
        generations.end(path)
      }
      inProgress.supersedeUnder(path)
      endHere()
      if (redis === undefined) return [undefined]
      const ended = await redis.endGeneration(path, undefined, budget)
      // Where Redis refused, what has been read meanwhile is what was to end. So it may be in a Cluster, whose nodes answer
      // in no order.
      if (ended.kind === 'failed' || redis.isCluster) {
        inProgress.outdateUnder(path)
        endHere()
      }
      return [ended, purge && ended.kind === 'done' ? await redis.purge(path) : ended].map(failure)
    })
  }

  /** Ends the generation of everything under the path that carries the tag. */
  deleteByTag(path: string, tag: string): Promise<boolean> {
    const { redis, generations, inProgress } = this.#rooms
    return this.#call('flush', 'delete', [], async (budget) => {
      inProgress.endTag(path, tag)
      generations.end(path, tag)
      for (const [id, { tags }] of this.#unsent) if (isUnder(path, id) && tags.includes(tag)) this.#takeBack(id)
      const ended = await redis?.endGeneration(path, tag, budget)
      if (ended?.kind === 'failed' || redis?.isCluster) {
        inProgress.outdateUnder(path, false)
        generations.end(path, tag)
      }
      return [ended && failure(ended)]
    })
  }

  /** Makes an entry stale: what began before must not make it fresh again. */
  expire(place: Place): Promise<boolean> {
    const { redis, memory, clock, inProgress } = this.#rooms
    return this.#call('put', 'set', [place.key], async (budget) => {
      const now = clock.now()
      const entry = memory?.find(place.id, now)
      inProgress.supersede(place.id, undefined, false)
      this.#forget(place.id, redis && 'invalidated')
      this.#takeBack(place.id)
      if (redis !== undefined) {
        const mark = inProgress.begin(place.id)
        const isObsolete = (): boolean => this.#isObsolete(mark)
        const expire = async (): Promise<Unconfirmed> => failure(await redis.expire(place, isObsolete, budget))
        const expired = await this.#inTurn([place], budget, mark, expire)
        inProgress.end(place.id, mark)
        // A read may have come between a script that Redis had forgotten and its second sending.
        if (!mark.void) this.#outdate(place.id, false)
        return [expired]
      }
      if (typeof entry !== 'object') return [undefined]
      const freshUntil = Math.min(entry.freshUntil, now)
      const expired: MemoryEntry = { ...entry, freshUntil, usableUntil: freshUntil }
      if (uselessFrom(expired) > now) memory?.set(place.id, expired)
      return [undefined]
    })
  }

  /**
   * The generations that a value about to be loaded will belong to, so that a `clear` during the load refuses it.
   * Undefined where Redis could not say: the value must then not be stored.
   *
   * @param again asks Redis also for what is believed to be known
   */
  async note(
    path: string,
    tags: readonly string[],
    lasting: Milliseconds,
    budget: Budget,
    again?: boolean,
  ): Promise<readonly Generation[] | undefined> {
    const { redis, generations, telemetry } = this.#rooms
    if (redis === undefined) return generations.of(pathsAround(path), tags)
    const started = telemetry.start()
    const noted = await redis.stored.note(path, tags, lasting, budget, again)
    if (noted.kind === 'noted') return noted.generations
    telemetry.ended('set', [started], [noted.error])
    return undefined
  }

  /**
   * Stores what was loaded. What is not to be stored, or too large, must not leave an old value behind.
   *
   * @returns what that means to others who wait for the lease
   */
  async store({ place, mark, refreshing, span }: Flight, storing: Storing, budget: Budget): Promise<Fate> {
    const { packing, telemetry } = this.#rooms
    const started = telemetry.start()
    const packed = packing && (await this.#pack(packing, place, storing.encoded))
    // What came meanwhile has the last word, also where this is not to be stored.
    if (!mayKeep(mark, storing.tags)) return 'fruitless'
    const isStored = storing.span.fresh > 0 && this.#fits(place, packed?.body ?? storing.encoded)
    const result = isStored
      ? await this.#put(place, packed ? { ...storing, packed } : storing, mark, budget)
      : await this.#inTurn([place], budget, undefined, () => this.#remove(place.path, [place], budget))
    const failures = result === undefined || result === 'ended' || result === 'gave way' ? [] : [result]
    telemetry.ended('set', [started], failures)
    for (const failure of failures) {
      span?.redisFailed(failure)
      // What is there may still be fresh, and must not be read beside what the refresh gave its callers.
      if (isStored && refreshing) this.#unset(place, failure)
    }
    if (!isStored) return 'barren'
    return result === undefined ? 'written' : 'fruitless'
  }

  /** A refresh that could not be fenced: what is there may still be fresh, and must not be read beside its result. */
  abandon(place: Place): void {
    this.#unset(place, undefined)
  }

  #pack(packing: Packing, place: Place, encoded: Encoded): Promise<Packed> {
    return packing.pack(place, { marker: this.#rooms.values.marker(encoded), body: encoded })
  }

  /** Writes what has been packed, unless its key has changed meanwhile: what came later is to have the last word. */
  async #whenPacked(
    packing: Packing,
    place: Place,
    encoded: Encoded,
    tags: readonly string[],
    budget: Budget,
    write: (packed: Packed) => Promise<Unconfirmed>,
  ): Promise<Unconfirmed> {
    const { inProgress } = this.#rooms
    const mark = inProgress.begin(place.id)
    try {
      const packed = await this.#pack(packing, place, encoded)
      const mustGiveWay = mark.supersededBy !== undefined || hasEnded(mark, tags)
      return mustGiveWay ? this.#giveWay(mark, budget) : write(packed)
    } finally {
      // Not before it holds the next mark: what comes in between would not be seen.
      inProgress.end(place.id, mark)
    }
  }

  /** It is on its way, or there is nothing to be sent any more. */
  #sent({ id }: Place, unsent: Unsent): void {
    if (this.#unsent.get(id) === unsent) this.#unsent.delete(id)
  }

  /**
   * What is to be stored under a key gives way to what only makes stale, or ends by a tag, what is there. That is older
   * still, and must not outlive it.
   */
  #takeBack(id: string): void {
    if (this.#unsent.delete(id)) this.#rooms.redis?.distrust(placeOfId(id))
  }

  /** @param own of the change, where it has waited for its turn */
  async #setOne(
    place: Place,
    storing: Omit<Storing, 'generations' | 'lease'>,
    budget: Budget,
    own: Mark | undefined,
    unsent: Unsent,
  ): Promise<Unconfirmed> {
    const { inProgress, redis, generations } = this.#rooms
    const { path, id } = place
    const { tags, span } = storing
    let mark = inProgress.begin(id)
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const noted = redis && (await redis.stored.note(path, tags, totalOf(span), budget, attempt > 0))
        if (noted?.kind === 'failed') return this.#unset(place, noted.error)
        const since = own ?? mark
        if (this.#isObsolete(since) || hasEnded(since, tags)) return own ? 'gave way' : this.#giveWay(mark, budget)
        // What has begun until now does not know the value that is sent now; what begins from now on reads it.
        inProgress.end(id, mark)
        this.#outdate(id)
        mark = inProgress.begin(id)
        this.#sent(place, unsent)
        const belongs = noted?.generations ?? generations.of(pathsAround(path), tags)
        // And once it is confirmed nothing that a slower read has seen before may come after it.
        const result = await this.#put(
          place,
          { ...storing, generations: belongs, lease: undefined },
          mark,
          budget,
          () => this.#outdate(id),
        )
        if (result === undefined) return undefined
        if (result !== 'ended') return this.#unset(place, result)
        if (mark.supersededBy === undefined) this.#unsent.set(id, unsent)
      }
      // Cleared again and again while this was under way: the last `clear` had the last word.
      return undefined
    } finally {
      inProgress.end(id, mark)
    }
  }

  /** A `set` that is not confirmed becomes a delete: the value before it must not survive, and it itself may not either. */
  #unset(place: Place, error: Unconfirmed): Unconfirmed {
    this.#outdate(place.id)
    this.#rooms.redis?.distrust(place)
    return error
  }

  /** @param confirmed called before memory is filled */
  async #put(
    place: Place,
    storing: Storing,
    mark: Mark,
    budget: Budget,
    confirmed?: () => void,
  ): Promise<Unconfirmed | 'ended'> {
    const { redis, values, clock, memory } = this.#rooms
    const { encoded, packed, span, generations, tags, loadDuration, lease } = storing
    let sentAt = clock.now()
    let epoch = 0
    const { heard } = mark
    if (redis !== undefined) {
      const marker = packed?.marker ?? values.marker(encoded)
      const wrote = await redis.write(
        place,
        { marker, span, loadDuration, tags, body: packed?.body ?? encoded, generations, lease },
        () => this.#isObsolete(mark),
        budget,
      )
      if (wrote.kind !== 'stored') {
        memory?.delete(place.id)
        return wrote.kind === 'ended' ? 'ended' : wrote.error
      }
      sentAt = wrote.sentAt
      epoch = wrote.epoch
    }
    if (!mayKeep(mark, tags)) return undefined
    confirmed?.()
    // One change that was told meanwhile may have been this one; a second was somebody else's, before it or after.
    const told = mark.heard - heard
    if (told > 1) return undefined
    const proof = { storedAt: sentAt, freshUntil: sentAt + span.fresh, sentAt, epoch, generations }
    const awaitsEcho = epoch !== 0 && told === 0
    const entry = this.#rooms.entryOf(place, { held: storing.held, encoded, form: storing, proof, awaitsEcho })
    this.#rooms.remember(place, entry, generations)
    if (told === 1) memory?.doubt(place.id)
    return undefined
  }

  /**
   * In a Cluster changes of one key are made one after the other. Those that wait give way to the last `set` or `delete`, so
   * that few are sent however many come.
   *
   * @param mark of the change, where it may give way
   */
  async #inTurn(
    places: readonly Place[],
    budget: Budget,
    mark: Mark | undefined,
    change: () => Promise<Unconfirmed>,
  ): Promise<Unconfirmed> {
    if (!this.#rooms.redis?.isCluster) return change()
    const ids = places.map(({ id }) => id)
    let superseded: Mark | undefined
    const inTurn = async (): Promise<Unconfirmed> => {
      if (mark?.supersededBy?.outcome !== undefined) superseded = mark
      return superseded === undefined ? change() : undefined
    }
    const made = await this.#inOrder.run(ids, budget, inTurn, () => {
      for (const place of places) this.#unset(place, 'timeout')
      return 'timeout' as const
    })
    return superseded === undefined ? made : this.#giveWay(superseded, budget)
  }

  /** Whether something has come since that must not be undone. What comes for the key itself in a Cluster waits its turn. */
  #isObsolete({ supersededBy }: Mark): boolean {
    let by = supersededBy
    if (this.#rooms.redis?.isCluster) while (by?.outcome !== undefined) by = by.mark?.supersededBy
    return by !== undefined
  }

  /** Places of one path. */
  async #remove(path: string, places: readonly Place[], budget: Budget): Promise<Unconfirmed> {
    const { redis, memory } = this.#rooms
    if (redis === undefined) {
      for (const { id } of places) memory?.delete(id)
      return undefined
    }
    const keys = places.map(({ key }) => key)
    const removed = await redis.delete(path, keys, budget)
    for (const { id } of places) {
      // A read that was under way may have brought it back meanwhile, or is about to where Redis refused, and where a delete
      // had to wait for others.
      if (removed.kind === 'done' && !redis.isCluster) memory?.delete(id)
      else this.#outdate(id)
    }
    return failure(removed)
  }

  /** Nothing that began before is kept, and nobody joins it any more. */
  #change(
    places: readonly Place[],
    reason: EvictionReason | undefined,
    work: (mark: Mark | undefined) => Promise<Unconfirmed>,
  ): Promise<Unconfirmed> {
    const { inProgress, redis } = this.#rooms
    const change: Change = { outcome: undefined, mark: undefined }
    for (const { id } of places) {
      inProgress.supersede(id, change)
      this.#forget(id, reason)
    }
    const [place, ...others] = places
    if (!redis?.isCluster || place === undefined || others.length > 0) {
      change.outcome = work(undefined)
      return change.outcome
    }
    const mark = inProgress.begin(place.id)
    change.mark = mark
    change.outcome = work(mark).finally(() => inProgress.end(place.id, mark))
    return change.outcome
  }

  /**
   * What came later has the last word, and this is as good as written just before it: once that is confirmed, so is this.
   * What came later may itself give way, so that only the own deadline is an end.
   */
  async #giveWay({ supersededBy }: Mark, budget: Budget): Promise<Unconfirmed> {
    const newer = supersededBy?.outcome
    if (newer === undefined) return 'gave way'
    return new Promise((resolve) => {
      const givenWay = (): void => resolve('gave way')
      const deadline = this.#deadlines.begin(budget.left, givenWay)
      const ended = (): void => {
        this.#deadlines.end(deadline)
        this.#deadlines.close()
      }
      newer.finally(ended).then((unconfirmed) => resolve(unconfirmed && 'gave way'), givenWay)
    })
  }

  /** A change has ended, or is about to take effect: what was read until now is not kept. */
  #outdate(id: string, isGone: boolean = true): void {
    this.#rooms.inProgress.outdate(id, isGone)
    this.#forget(id)
  }

  #forget(id: string, reason?: EvictionReason): void {
    const { flights, memory, backoffs } = this.#rooms
    backoffs.forget(id)
    flights.leave(id)
    memory?.delete(id, reason)
  }

  /** Whether there is a tier that can hold it. */
  #fits({ key }: Place, encoded: Encoded): boolean {
    const { options, redis, memory } = this.#rooms
    const bytes = byteLength(encoded)
    if (bytes > options.maxValueBytes) return false
    return redis !== undefined || (memory?.fits(bytes + byteLength(key)) ?? false)
  }

  /** A caller's call: an operation, in a span of its own where the caller is traced. */
  #call(
    spanOperation: SpanOperation,
    operation: Operation,
    keys: readonly string[],
    work: (budget: Budget, span: CallSpan | undefined) => Promise<readonly Unconfirmed[]>,
  ): Promise<boolean> {
    const { telemetry } = this.#rooms
    const change = telemetry.call(spanOperation, keys, (span) =>
      this.#operation(operation, (budget) => work(budget, span), this.#rooms.newBudget(), span),
    )
    this.#underWay.add(change)
    const ended = (): void => {
      this.#underWay.delete(change)
    }
    change.then(ended, ended)
    return change
  }

  /** Resolves once the changes under way have ended, no later than their deadlines. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#underWay)
  }

  /** One operation: one observation, and each way it failed once. */
  async #operation(
    operation: Operation,
    work: (budget: Budget) => Promise<readonly Unconfirmed[]>,
    budget: Budget,
    span?: CallSpan,
  ): Promise<boolean> {
    const { telemetry } = this.#rooms
    const started = telemetry.start()
    const results = new Set(await work(budget))
    const failures = [...results].filter((result) => result !== undefined && result !== 'gave way')
    telemetry.ended(operation, [started], failures)
    for (const failure of failures) span?.redisFailed(failure)
    const confirmed = results.size === 0 || (results.size === 1 && results.has(undefined))
    if (!confirmed) span?.unconfirmed()
    return confirmed
  }
}

/** Whether one of the tags has ended since. */
function hasEnded({ endedTags }: Mark, tags: readonly string[]): boolean {
  return tags.some((tag) => endedTags?.has(tag))
}

function failure(done: RedisDone): Unconfirmed {
  return done.kind === 'failed' ? done.error : undefined
}
