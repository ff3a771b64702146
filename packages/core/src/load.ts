import { context } from '@opentelemetry/api'
import { type HeldEntry, uselessFrom } from './entry.js'
import { describe, InvalidValueError } from './errors.js'
import type { Flight, Landing } from './flight/flights.js'
import { Run } from './flight/run.js'
import type { Generation } from './generations.js'
import { pathsAround } from './keys.js'
import type { Claim, Lease } from './lease.js'
import { drawSpan, longest, type ResolvedLifetime, resolveLifetime } from './lifetime.js'
import { LifetimeResult, NOT_MODIFIED } from './loader/load-result.js'
import { Cancellation, type Loaded, runLoader } from './loader/run-loader.js'
import type { LookUp } from './look-up.js'
import { mayKeep } from './mark.js'
import type { ResolvedReadOptions } from './options.js'
import { type Candidate, type Failure, isHit, type NotFound } from './outcome.js'
import type { Place } from './place.js'
import type { Budget } from './redis/budget.js'
import type { Rooms } from './rooms.js'
import type { Milliseconds } from './types.js'
import { untraced } from './untraced.js'
import type { HeldValue } from './values.js'
import type { Fate, WritePath } from './write.js'

/** One key that a loader is asked for. */
export interface Wanted {
  readonly flight: Flight
  readonly found: NotFound
}

/** Gets the value of each wanted key, in their order. May throw. */
export type Call = (wanted: readonly Wanted[], cancellation: Cancellation) => Promise<readonly unknown[]>

/** A value that came from a loader, with the lifetime it is to have. */
interface Kept {
  readonly value: unknown
  readonly lifetime: ResolvedLifetime
}

/** What became of asking for the right to load: `none` where nothing can be stored anyway. */
type Answer = Claim | { readonly kind: 'none' } | { readonly kind: 'landed'; readonly landing: Landing }

const NONE: Answer = { kind: 'none' }
/** How often a lease is renewed while its load goes on: a few times within its time, and within `maxStaleness`. */
const RENEWAL: Milliseconds = 500
const SHORTEST_RENEWAL: Milliseconds = 50
/** So long a load may be joined without a sign from Redis, however short `maxStaleness` is. */
const LEAST_JOINABLE: Milliseconds = 1_000
/** A leader who hangs ends at its own `loadTimeout`, and is replaced a moment later. */
const GRACE: Milliseconds = 3_000

/** A key on its way to its landing. */
class Pending implements Wanted {
  readonly flight: Flight
  readonly found: NotFound
  readonly landing: Promise<Landing>
  land!: (landing: Landing) => void
  /** What came of claiming it. */
  answer: Answer | undefined
  /** Another process has found that there is nothing to store. */
  isBarren = false

  constructor({ flight, found }: Wanted) {
    this.flight = flight
    this.found = found
    this.answer = isStorable(found) ? found.claim : NONE
    this.landing = new Promise((resolve) => {
      this.land = resolve
    })
  }
}

/** How one call loads. */
interface Order {
  readonly call: Call
  readonly options: ResolvedReadOptions
}

/**
 * The second half of the read path: the lease, one run of a loader, for one key or for many, and what came of it into
 * both tiers. What another process is loading is waited for.
 */
export class Load {
  readonly #rooms: Rooms
  readonly #lookUp: LookUp
  readonly #write: WritePath
  runs = 0

  constructor(rooms: Rooms, lookUp: LookUp, write: WritePath) {
    this.#rooms = rooms
    this.#lookUp = lookUp
    this.#write = write
  }

  /** Loads keys of one view, and tells how each lands, in their order. Nothing rejects. */
  run(
    wanted: readonly [Wanted, ...Wanted[]],
    call: Call,
    options: ResolvedReadOptions,
    budget: Budget,
  ): ReadonlyArray<Promise<Landing>> {
    const pending = wanted.map((one) => new Pending(one))
    for (const { found } of wanted) if (!isStorable(found)) this.forgo(found)
    const { run } = wanted[0].flight
    const order = { call, options }
    // Most were claimed along with their lookup, and taken by nobody else.
    const isReady = pending.every(isToBeLoaded)
    if (isReady) this.#settle(pending, options)
    const going = isReady ? this.#load(pending, order, run, budget) : this.#go(pending, order, run, budget)
    going.catch((error) => {
      for (const { land } of pending) land({ kind: 'failed', error, reason: 'error' })
    })
    return pending.map(({ landing }) => landing)
  }

  /** What was claimed along with a lookup is not loaded after all. */
  forgo({ claim }: NotFound): void {
    if (claim?.kind === 'held') this.#release([claim.lease], false)
  }

  async #go(pending: readonly Pending[], order: Order, run: Run, budget: Budget): Promise<void> {
    if (pending.every(isAnswered)) this.#settle(pending, order.options)
    else await this.#claim(pending, order.options, budget)
    const taken = pending.filter(isTaken)
    const loading = this.#load(pending.filter(isToBeLoaded), order, run, budget)
    await (taken.length > 0 ? Promise.all([loading, this.#waitForOthers(taken, order, run)]) : loading)
  }

  /** Asks for the leases of those of which it is not known yet. Whoever has a value by now lands at once. */
  async #claim(all: readonly Pending[], options: ResolvedReadOptions, budget: Budget): Promise<void> {
    const { redis, generations } = this.#rooms
    const [first] = all
    if (first === undefined) return
    const { path } = first.flight.place
    const { tags } = options.lifetime
    const lasting = longest(options.lifetime)
    const open = (): readonly Pending[] => all.filter(({ answer }) => answer === undefined)
    if (redis === undefined) {
      const belongs = generations.of(pathsAround(path), tags)
      const lease = { name: '', token: '', generations: belongs, anyTag: [], asked: 0 }
      for (const one of open()) one.answer = { kind: 'held', lease }
      return
    }
    if (!options.refresh) {
      // Somebody may have stored it since it was looked up.
      const missing = open().filter(({ found }) => found.outcome.reason !== 'undecodable')
      const keys = missing.map(({ flight }) => flight.place.key)
      const again = keys.length > 0 ? await this.#lookUp.many(path, keys, tags, budget, lasting) : []
      for (const [index, found] of again.entries()) {
        const one = missing[index] as Pending
        if (isHit(found)) one.answer = { kind: 'landed', landing: landingOf(found.entry) }
        else if (isStorable(found)) one.answer = found.claim
        else {
          this.forgo(found)
          one.answer = { kind: 'failed', error: found.error ?? 'other' }
        }
      }
    }
    const claim = async (those: readonly Pending[], mode: 'free' | 'over'): Promise<void> => {
      const keys = those.map(({ flight }) => flight.place.key)
      const claimed = keys.length > 0 ? await redis.leases.claim({ path, keys, tags, lasting, mode }, budget) : []
      for (const [index, { claim }] of claimed.entries()) (those[index] as Pending).answer = claim
    }
    await claim(open(), options.refresh && !options.early ? 'over' : 'free')
    if (options.early) {
      // Another process refreshes it: that will do, unless somebody has asked for it since.
      const taken = all.filter(isTaken)
      for (const one of taken) {
        const { stale } = one.found
        if (stale !== undefined && !one.flight.hasPassengers) {
          one.answer = { kind: 'landed', landing: landingOf(stale.entry) }
        }
      }
      await claim(taken.filter(isTaken), 'over')
    }
    this.#settle(all, options)
  }

  /** What came of claiming is known. */
  #settle(all: readonly Pending[], { lifetime }: ResolvedReadOptions): void {
    const failures: Failure[] = []
    for (const one of all) {
      const { answer } = one
      if (answer?.kind === 'failed' && !failures.includes(answer.error)) failures.push(answer.error)
      if (answer?.kind === 'landed') one.land(answer.landing)
      // There is nothing to wait for where nobody stores anything.
      else if (answer === undefined || (isTaken(one) && longest(lifetime) === 0)) one.answer = NONE
    }
    for (const failure of failures) this.#rooms.telemetry.failed('lease', failure)
  }

  /**
   * Waits until other processes have stored what they load, or have given up: then one of those who wait takes the lease.
   * Where Redis cannot be asked any more, there is nothing to wait for.
   */
  async #waitForOthers(all: readonly Pending[], order: Order, run: Run): Promise<void> {
    const { redis, clock } = this.#rooms
    const places = all.map(({ flight }) => flight.place)
    if (redis === undefined) return
    const queue = redis.leases.await(places)
    const patience = clock.precise() + order.options.loadTimeout + GRACE
    run.onCalledOff(() => queue.wake())
    const loads: Array<Promise<void>> = []
    let left = all
    try {
      while (left.length > 0) {
        for (const one of left) one.answer = undefined
        await this.#claim(left, order.options, this.#rooms.newBudget())
        const mayWait = clock.precise() <= patience && !this.#rooms.closed
        for (const one of left) if (isTaken(one) && (!mayWait || one.isBarren)) one.answer = NONE
        left = this.#stillWanted(left)
        const won = left.filter(isToBeLoaded)
        if (won.length > 0) {
          const own = new Run()
          for (const { flight } of won) flight.changeTo(own)
          loads.push(this.#load(won, order, own, this.#rooms.newBudget()))
        }
        left = left.filter(isTaken)
        if (left.length > 0) await queue.next()
        for (const one of left) one.isBarren ||= redis.leases.isBarren(one.flight.place, queue)
        left = this.#stillWanted(left)
      }
    } finally {
      queue.leave()
    }
    await Promise.all(loads)
  }

  /** Lands those that nobody waits for any more. */
  #stillWanted(waiting: readonly Pending[]): readonly Pending[] {
    return waiting.filter(({ flight, answer, land }) => {
      if (!flight.isCalledOff) return true
      if (answer?.kind === 'held') this.#release([answer.lease], false)
      land({ kind: 'failed', error: flight.run.calledOffWith, reason: 'error' })
      return false
    })
  }

  async #load(wanted: readonly Pending[], { call, options }: Order, run: Run, budget: Budget): Promise<void> {
    if (wanted.length === 0) return
    const { clock, loadQueue, telemetry } = this.#rooms
    for (const one of wanted) [one.flight.fences] = leaseOf(one)
    this.#vouchFor(wanted, clock.now())
    const claimedAt = clock.precise()
    let endRenewal: (() => void) | undefined
    const ticket = run.enter(loadQueue)
    const cancellation = new Cancellation()
    const keys = wanted.map(({ flight }) => flight.place.key)
    const loading = runLoader(
      {
        call: () => {
          this.runs += 1
          // Not while it waits for its turn: others may wait for it, and hold what it waits for.
          endRenewal = this.#keep(wanted, claimedAt)
          return run.begin(() => call(wanted, cancellation))
        },
        admitted: ticket.admitted,
        keys,
        timeout: options.loadTimeout,
        cancellation,
      },
      clock,
    )
    // Whoever leaves last is not the one whose loader this is.
    run.onCalledOff(context.bind(context.active(), loading.giveUp))
    const loaded = await loading.result
    endRenewal?.()
    run.end()
    ticket.done()
    const result = loaded.kind === 'loaded' ? 'success' : loaded.reason
    if (loaded.duration !== undefined) telemetry.loaded(result, loaded.duration, keys)
    const storing = wanted.map((one, index) => this.#store(one, index, loaded, options.lifetime, budget))
    const fates = await Promise.all(storing)
    if (fates.every((fate) => fate === 'written')) return
    for (const fate of ['barren', 'fruitless'] as const) {
      this.#release(wanted.filter((_, index) => fates[index] === fate).flatMap(leaseOf), fate === 'barren')
    }
  }

  /** Of what was not stored: others may load it. Behind the caller's back, who does not wait for it. */
  #release(leases: readonly Lease[], isBarren: boolean): void {
    const { redis } = this.#rooms
    if (redis !== undefined && leases.length > 0) untraced(() => redis.leases.release(leases, isBarren))
  }

  /** The trust rule, for loads: what may have been changed elsewhere since Redis was last asked is not joined for ever. */
  #vouchFor(wanted: readonly Pending[], at: Milliseconds): void {
    const { redis, options } = this.#rooms
    if (redis === undefined) return
    const joinableUntil = at + Math.max(options.maxStaleness, LEAST_JOINABLE)
    for (const { flight } of wanted) flight.joinableUntil = joinableUntil
  }

  /** Renews leases until it is told to end. Once one is lost, newcomers do not join its flight: what it brings is old. */
  #keep(wanted: readonly Pending[], claimedAt: Milliseconds): () => void {
    const { redis, clock, options } = this.#rooms
    let held = wanted.filter(({ answer }) => answer?.kind === 'held')
    if (redis === undefined || held.length === 0) return () => {}
    const interval = Math.max(Math.min(RENEWAL, options.maxStaleness / 4), SHORTEST_RENEWAL)
    let isOver = false
    let cancel = (): void => {}
    const renew = async (): Promise<void> => {
      if (this.#rooms.closed) return
      const sentAt = clock.now()
      const { lost: gone, kept } = await redis.leases.renew(held.flatMap(leaseOf))
      const lost = new Set(gone)
      if (isOver) return
      const isLost = (one: Pending): boolean => leaseOf(one).some((lease) => lost.has(lease))
      for (const { flight } of held.filter(isLost)) flight.joinableUntil = Number.NEGATIVE_INFINITY
      held = held.filter((one) => !isLost(one))
      const confirmed = new Set(kept)
      this.#vouchFor(
        held.filter((one) => leaseOf(one).some((lease) => confirmed.has(lease))),
        sentAt,
      )
      if (held.length > 0) cancel = clock.after(interval, begin)
    }
    const begin = (): void => {
      untraced(renew)
    }
    if (clock.precise() - claimedAt >= interval) begin()
    else cancel = clock.after(interval, begin)
    return () => {
      isOver = true
      cancel()
    }
  }

  /** Lands a key with what came of the load, and tells what came of its lease. */
  async #store(one: Pending, index: number, loaded: Loaded, defaults: ResolvedLifetime, budget: Budget): Promise<Fate> {
    const { flight, found, answer } = one
    const { backoffs, clock, random, values } = this.#rooms
    const { place } = flight
    // Where something of use is left, its origin can be left in peace for a while.
    const failed = (error: unknown, reason: 'error' | 'timeout'): Fate => {
      const canWait = found.stale !== undefined && clock.now() < uselessFrom(found.stale.entry)
      if (canWait && !flight.isCalledOff) backoffs.failed(place.id, { error, reason })
      one.land({ kind: 'failed', error, reason })
      return 'fruitless'
    }
    if (loaded.kind === 'failed') return failed(loaded.error, loaded.reason)
    try {
      const { value, lifetime } = this.#resultOf(place.key, loaded.values[index], found.stale, defaults)
      if (value === undefined) {
        backoffs.forget(place.id)
        one.land(loadedHere(undefined, []))
        return 'barren'
      }
      const { tags } = lifetime
      const { encoded, held, isNull } = values.accept(place.key, value)
      backoffs.forget(place.id)
      const span = drawSpan(lifetime, isNull, random)
      const [lease] = leaseOf(one)
      // Most loaders choose no lifetime: then it is as it was noted.
      const belongs =
        lifetime === defaults
          ? standing(lease)
          : lease && (await this.#belongs(place, lease, lifetime, defaults, budget))
      // What is not to be stored has nothing to do here, unless an old value would outlive it.
      const isConcern = span.fresh > 0 || found.stale !== undefined
      let fate: Fate = isConcern ? 'fruitless' : 'barren'
      if (belongs && isConcern && mayKeep(flight.mark, tags)) {
        const storing = { encoded, held, span, tags, loadDuration: loaded.duration, generations: belongs, lease }
        fate = await this.#write.store(flight, storing, budget)
      }
      if (answer?.kind === 'failed' && flight.refreshing) this.#write.abandon(place)
      one.land(loadedHere(held, tags))
      return fate
    } catch (error) {
      return failed(error, 'error')
    }
  }

  /** What a loader returned, with the lifetime it chose. Throws InvalidOptionError, InvalidValueError. */
  #resultOf(key: string, result: unknown, stale: Candidate | undefined, defaults: ResolvedLifetime): Kept {
    if (!(result instanceof LifetimeResult)) return { value: result, lifetime: defaults }
    const chosen = resolveLifetime(result.lifetime, defaults, "the loader's lifetime")
    if (result.value !== NOT_MODIFIED) return { value: result.value, lifetime: chosen }
    if (stale === undefined) {
      throw new InvalidValueError(`the loader of ${describe(key)} returned notModified() without a stale value`)
    }
    const { held, extras } = stale.entry
    const tags = result.lifetime.tags === undefined ? (extras?.tags ?? []) : chosen.tags
    return { value: this.#rooms.values.take(held), lifetime: { ...chosen, tags } }
  }

  /**
   * The generations of a value whose loader may have chosen other tags than the call: those of its views are the ones
   * noted before the load. Undefined where one of them has ended, or where a tag that only the loader knew may have.
   */
  async #belongs(
    { path }: Place,
    { generations: noted, anyTag, asked }: Lease,
    lifetime: ResolvedLifetime,
    defaults: ResolvedLifetime,
    budget: Budget,
  ): Promise<readonly Generation[] | undefined> {
    const { redis, generations } = this.#rooms
    const { tags } = lifetime
    const lasting = longest(lifetime)
    const isNew = tags.some((tag) => !defaults.tags.includes(tag))
    const isSame = !isNew && tags.length === defaults.tags.length && lasting <= longest(defaults)
    const before = new Set(generations.of(pathsAround(path), tags).filter(({ since }) => since <= asked))
    // What is believed to be the id of a tag that no lookup asked for may be long gone.
    const belongs = isSame ? noted : await this.#write.note(path, tags, lasting, budget, isNew)
    if (belongs === undefined || noted.some(({ ended }) => ended)) return undefined
    if (redis === undefined || !isNew || belongs.every((one) => before.has(one))) return belongs
    // A tag that was not known before the load may have ended since. From here on that ends what has just been noted.
    return (await redis.stored.stand(anyTag, budget)) ? belongs : undefined
  }
}

function leaseOf({ answer }: Pending): readonly Lease[] {
  return answer?.kind === 'held' ? [answer.lease] : []
}

function standing(lease: Lease | undefined): readonly Generation[] | undefined {
  return lease?.generations.some(({ ended }) => ended) ? undefined : lease?.generations
}

function isAnswered({ answer }: Pending): boolean {
  return answer !== undefined
}

function isTaken({ answer }: Pending): boolean {
  return answer?.kind === 'taken'
}

function isToBeLoaded({ answer }: Pending): boolean {
  return answer?.kind === 'held' || answer?.kind === 'failed' || answer?.kind === 'none'
}

function loadedHere(held: HeldValue | undefined, tags: readonly string[]): Landing {
  return { kind: 'loaded', held, tags, elsewhere: false }
}

/** Of what another process has loaded. */
function landingOf({ held, extras }: HeldEntry): Landing {
  return { kind: 'loaded', held, tags: extras?.tags ?? [], elsewhere: true }
}

/** What is known to be missing may be stored; where Redis failed it would only fail again. */
function isStorable({ error }: NotFound): boolean {
  return error === undefined || error === 'undecodable'
}
