import { unlessAborted } from './abort.js'
import {
  type HeldEntry,
  type MemoryEntry,
  mayServeAtOnce,
  mayServeOnError,
  mayServeWhileRevalidating,
  stands,
} from './entry.js'
import { InvalidOptionError, RecursiveLoadError } from './errors.js'
import { type Crowd, Flight, type Landing } from './flight/flights.js'
import { currentRun, Run } from './flight/run.js'
import { type Call, Load, type Wanted } from './load.js'
import type { Failure } from './loader/backoffs.js'
import { BatchContext, LoaderContext } from './loader/loader-context.js'
import { LookUp } from './look-up.js'
import type { ResolvedReadOptions } from './options.js'
import {
  type Candidate,
  isHit,
  type LookedUp,
  MISS,
  type NotFound,
  type Outcome,
  STALE_HIT,
  type StaleReason,
} from './outcome.js'
import type { Place } from './place.js'
import type { Budget } from './redis/budget.js'
import type { Rooms } from './rooms.js'
import type { BatchLoader, Loader, Milliseconds } from './types.js'
import type { WritePath } from './write.js'

/**
 * The read path, from where memory had no fresh answer:
 *
 *   take off   one flight a key; whoever comes meanwhile boards it
 *   look up    Redis, which also tells what is stale
 *   load       where nothing fresh was found; one run of the loader
 *   arrive     each caller by itself: fresh, stale by the rules of RFC 5861, loaded, or failed
 */
export class ReadPath {
  readonly #rooms: Rooms
  readonly #lookUp: LookUp
  readonly #load: Load
  coalesced = 0

  constructor(rooms: Rooms, write: WritePath) {
    this.#rooms = rooms
    this.#lookUp = new LookUp(rooms)
    this.#load = new Load(rooms, write)
  }

  /** How often a loader was run. */
  get loads(): number {
    return this.#load.runs
  }

  /** What is stored under keys of one view, as one operation and without a loader. */
  async get(path: string, keys: readonly string[], tags: readonly string[]): Promise<unknown[]> {
    const started = this.#rooms.telemetry.start()
    const all = await this.#lookUp.many(path, keys, tags, this.#rooms.newBudget())
    this.#report([started], all)
    return all.map((found) => this.#withoutLoader(found))
  }

  /** As `get` for one key, uncounted. */
  async probe(place: Place, tags: readonly string[]): Promise<LookedUp> {
    return this.#lookUp.one(place, tags, this.#rooms.newBudget())
  }

  async getOrSet(place: Place, loader: Loader<unknown>, options: ResolvedReadOptions): Promise<unknown> {
    const [value] = await this.#readThrough([place], callOf(loader, this.#rooms), options)
    return value
  }

  getOrSetMany(
    places: readonly Place[],
    loader: BatchLoader<unknown>,
    options: ResolvedReadOptions,
  ): Promise<unknown[]> {
    return this.#readThrough(places, batchCallOf(loader), options)
  }

  /**
   * The arrival that plain callers of a flight share: a stampede costs each of them a counter, not promises of its own.
   * Undefined where this caller's end may differ from the others'.
   */
  join(flight: Flight, loader: Loader<unknown>, options: ResolvedReadOptions): Promise<unknown> | undefined {
    const { values, telemetry, closed } = this.#rooms
    const { missed, mark } = flight
    const differs = closed || !values.areShared || options.softLoadTimeout !== undefined || mark.endedTags !== undefined
    if (differs || missed?.stale !== undefined || currentRun() !== undefined) return undefined
    if (this.#staleInMemory(flight.place) !== undefined) return undefined
    const started = telemetry.start()
    flight.board()
    flight.crowd ??= this.#gather(flight, callOf(loader, this.#rooms), options)
    flight.crowd.add(started)
    if (missed !== undefined) telemetry.timed('get', started)
    return flight.crowd.arrival
  }

  #gather(flight: Flight, call: Call, options: ResolvedReadOptions): Crowd {
    const started: Milliseconds[] = []
    const boarding: Boarding = {
      flight,
      joined: true,
      callers: 0,
      endedTags: [],
      call,
      options,
      waiting: new Waiting(),
    }
    const arrive = async (): Promise<unknown> => {
      const found = await flight.lookup
      this.#report(started, [found])
      return this.#arrive(boarding, found)
    }
    const add = (start: Milliseconds): void => {
      boarding.callers += 1
      // Who comes while it loads did not wait for the lookup.
      if (flight.missed === undefined) started.push(start)
    }
    return { arrival: arrive(), add }
  }

  /** XFetch (VLDB 2015): the nearer the end and the longer the load took, the likelier one caller refreshes a fresh hit. */
  isDue({ freshUntil, extras }: HeldEntry): boolean {
    const { options, clock, random } = this.#rooms
    if (options.earlyRefresh === undefined || extras === undefined) return false
    // Of a random number above 0: the logarithm of 0 would refresh always.
    return clock.now() - extras.loadDuration * options.earlyRefresh.beta * Math.log(1 - random()) >= freshUntil
  }

  /** Refreshes what is due behind the caller's back. */
  refreshEarly(place: Place, loader: Loader<unknown>, options: ResolvedReadOptions): void {
    this.#refreshBehind([place], callOf(loader, this.#rooms), { ...options, refresh: true })
  }

  refreshEarlyMany(places: readonly Place[], loader: BatchLoader<unknown>, options: ResolvedReadOptions): void {
    this.#refreshBehind(places, batchCallOf(loader), { ...options, refresh: true })
  }

  async #readThrough(places: readonly Place[], call: Call, options: ResolvedReadOptions): Promise<unknown[]> {
    const { signal } = options
    signal?.throwIfAborted()
    const started = this.#rooms.telemetry.start()
    const values = new Array<unknown>(places.length)
    const rest: number[] = []
    const behind: Place[] = []
    for (const [index, place] of places.entries()) {
      const entry = options.refresh ? undefined : this.#staleInMemory(place)
      if (entry === undefined) rest.push(index)
      else {
        values[index] = this.#serveStale({ tier: 'memory', entry }, 'revalidating')
        behind.push(place)
      }
    }
    this.#refreshBehind(behind, call, options)
    if (rest.length === 0) {
      if (this.#rooms.options.timeMemoryHits) this.#rooms.telemetry.timed('get', started)
      return values
    }
    const boardings = this.#board(
      rest.map((index) => places[index] as Place),
      call,
      options,
    )
    const arrivals = this.#arriveTogether(boardings, started)
    const arrived = await (signal === undefined
      ? arrivals
      : unlessAborted(arrivals, signal, (reason) => {
          for (const { flight, waiting } of boardings) {
            flight.giveUp(reason)
            waiting.end()
          }
        }))
    for (const [position, index] of rest.entries()) values[index] = arrived[position]
    return values
  }

  /** The flights of these keys: those under way, and one for all the others together. */
  #board(places: readonly Place[], call: Call, options: ResolvedReadOptions): readonly Boarding[] {
    const { flights } = this.#rooms
    const underWay = places.map(({ id }) => (options.refresh ? flights.getRefreshing(id) : flights.get(id)))
    const taken = this.#takeOff(
      places.filter((_, index) => underWay[index] === undefined),
      call,
      options,
    ).values()
    return places.map((_, index) => {
      const joined = underWay[index]
      const flight = joined ?? (taken.next().value as Flight)
      flight.board()
      const endedTags = [...(flight.mark.endedTags ?? [])]
      return { flight, joined: joined !== undefined, callers: 1, endedTags, call, options, waiting: new Waiting() }
    })
  }

  /** One lookup and one run of the loader for keys of one view, and a flight for each key that others may join. */
  #takeOff(places: readonly Place[], call: Call, options: ResolvedReadOptions): readonly Flight[] {
    const [first] = places
    if (first === undefined) return []
    const { flights: board, inProgress } = this.#rooms
    const run = new Run(currentRun()?.holdsPlace ?? false)
    const flights = places.map((place) => new Flight(place, inProgress.begin(place.id), run, options.refresh))
    const budget = this.#rooms.newBudget()
    const keys = places.map(({ key }) => key)
    const lookups = this.#lookUp
      .many(first.path, keys, options.lifetime.tags, budget)
      .then((all) => (options.refresh ? all.map(asExpired) : all))
    const landings = lookups.then((all) => this.#loadMissing(flights, all, call, options, budget))
    for (const [index, flight] of flights.entries()) {
      const land = (): void => {
        board.land(flight)
        inProgress.end(flight.place.id, flight.mark)
      }
      flight.lookup = lookups.then((all) => {
        const found = all[index] as LookedUp
        // What was found lands at once: it must not grow old while others of its batch are loaded.
        if (isHit(found)) land()
        return found
      })
      flight.landing = flight.lookup.then(async (found) => {
        if (isHit(found)) return undefined
        const landing = await (await landings)[index]
        land()
        return landing
      })
      board.add(flight)
    }
    return flights
  }

  /**
   * How each flight lands whose lookup found nothing fresh; undefined for the others. Each by itself: what one has to wait
   * for must not let another's value grow old.
   */
  #loadMissing(
    flights: readonly Flight[],
    lookups: readonly LookedUp[],
    call: Call,
    options: ResolvedReadOptions,
    budget: Budget,
  ): ReadonlyArray<Promise<Landing | undefined> | Landing | undefined> {
    const wanted: Wanted[] = []
    const landings = flights.map((flight, index) => {
      const found = lookups[index] as LookedUp
      if (isHit(found)) return undefined
      flight.missed = found
      // Who asks for a refresh does ask the origin.
      const failure = options.refresh ? undefined : this.#leftInPeace(flight.place, found)
      if (failure !== undefined) return { kind: 'failed', ...failure } as const
      const position = wanted.length
      const followed = this.#followed(flight)
      if (followed !== undefined) return followed
      wanted.push({ flight, found })
      return position
    })
    const loaded = isNotEmpty(wanted) ? this.#load.run(wanted, call, options, budget) : undefined
    return landings.map((landing) => (typeof landing === 'number' ? loaded?.then((all) => all[landing]) : landing))
  }

  /**
   * What another flight for the same key brings, which is to refresh it, or took off since because the key has changed:
   * the key is not loaded twice.
   */
  #followed(flight: Flight): Promise<Landing | undefined> | undefined {
    const other = this.#rooms.flights.otherThan(flight)
    if (other === undefined) return undefined
    // A refresh must not follow one that may yet find what is cached.
    if (flight.refreshing && !other.refreshing && other.missed === undefined) return undefined
    const endWait = flight.run.waitFor(other.run)
    if (endWait === undefined) return undefined
    flight.follows = true
    other.leaveUnattended()
    other.landing.then(endWait)
    return other.lookup.then((found) => {
      if (!isHit(found)) return other.landing
      const { held, extras } = found.entry
      return { kind: 'loaded', held, tags: extras?.tags ?? [] }
    })
  }

  /** The failure to repeat for an origin that failed a moment ago, where something stale can be served instead. */
  #leftInPeace({ id }: Place, { stale }: NotFound): Failure | undefined {
    const { backoffs, clock } = this.#rooms
    return stale !== undefined && mayServeOnError(stale.entry, clock.now()) ? backoffs.get(id) : undefined
  }

  async #arriveTogether(boardings: readonly Boarding[], started: Milliseconds): Promise<unknown[]> {
    const lookups = await Promise.all(boardings.map(({ flight }) => flight.lookup))
    this.#report([started], lookups)
    const arrivals = Promise.all(boardings.map((boarding, index) => this.#arrive(boarding, lookups[index] as LookedUp)))
    this.#refreshDue(boardings, lookups)
    return arrivals
  }

  /** What Redis had fresh and is due; one refresher, so only of the caller who looked it up. */
  #refreshDue(boardings: readonly Boarding[], lookups: readonly LookedUp[]): void {
    const [first] = boardings
    if (first === undefined || this.#rooms.options.earlyRefresh === undefined) return
    const due = boardings.filter(({ joined }, index) => {
      const found = lookups[index] as LookedUp
      return !joined && isHit(found) && this.isDue(found.entry)
    })
    const places = due.map(({ flight }) => flight.place)
    this.#refreshBehind(places, first.call, { ...first.options, refresh: true })
  }

  /** A caller's end of a flight, counted. */
  async #arrive(boarding: Boarding, found: LookedUp): Promise<unknown> {
    const { values, clock } = this.#rooms
    const { flight, joined, options } = boarding
    if (isHit(found)) {
      if (hasEnded(found.entry, boarding)) return this.#again(boarding)
      this.#count(found.outcome, boarding)
      return joined ? values.take(found.entry.held) : found.value
    }
    const { outcome } = found
    // Read anew each time: what may be served stale may end while this waits.
    const stale = (allows: typeof mayServeOnError): Candidate | undefined =>
      found.stale !== undefined && allows(found.stale.entry, clock.now()) && !hasEnded(found.stale.entry, boarding)
        ? found.stale
        : undefined
    const atOnce = options.refresh ? undefined : stale(mayServeWhileRevalidating)
    if (atOnce !== undefined) {
      this.#goOnBehind(flight)
      return this.#serveStale(atOnce, outcome.reason === 'unavailable' ? 'unavailable' : 'revalidating', boarding)
    }
    const isLate = stale(mayServeOnError) !== undefined && (await this.#outlastsPatience(boarding))
    const instead = isLate ? stale(mayServeOnError) : undefined
    if (instead !== undefined) {
      this.#goOnBehind(flight)
      return this.#serveStale(instead, 'timeout', boarding)
    }
    const landing = await this.#landingOf(boarding)
    const isAnothers = joined || flight.follows
    const fallback = landing.kind === 'failed' ? stale(mayServeOnError) : undefined
    if (landing.kind === 'failed' && fallback !== undefined) {
      if (isAnothers) this.coalesced += boarding.callers
      return this.#serveStale(fallback, landing.reason, boarding)
    }
    // It turned out to carry a tag that had ended before this caller came.
    if (isAnothers && landing.kind === 'loaded' && landing.tags.some((tag) => boarding.endedTags.includes(tag))) {
      return this.#again(boarding)
    }
    this.#count(outcome, boarding)
    if (isAnothers) this.coalesced += boarding.callers
    if (landing.kind === 'failed') throw landing.error
    return landing.held && values.take(landing.held)
  }

  /** The flight brought what had ended before this caller came. */
  async #again({ flight, call, options }: Boarding): Promise<unknown> {
    await flight.landing
    const { signal } = options
    if (signal?.aborted) this.#count(MISS.absent)
    const [value] = await this.#readThrough([flight.place], call, options)
    return value
  }

  /** Whether the load takes longer than `softLoadTimeout`. */
  async #outlastsPatience(boarding: Boarding): Promise<boolean> {
    const { softLoadTimeout } = boarding.options
    if (softLoadTimeout === undefined) return false
    let cancel: (() => void) | undefined
    const late = new Promise<boolean>((resolve) => {
      cancel = this.#rooms.clock.after(softLoadTimeout, () => resolve(true))
    })
    const isLate = await Promise.race([this.#landingOf(boarding).then(() => false), late])
    cancel?.()
    boarding.waiting.end()
    return isLate
  }

  /** Waits for the load; a loader does not wait for what waits for it. */
  async #landingOf({ flight, waiting }: Boarding): Promise<Landing> {
    const loader = currentRun()
    if (loader !== undefined) {
      const end = loader.waitFor(flight.run)
      if (end === undefined) {
        return { kind: 'failed', error: new RecursiveLoadError(flight.place.key), reason: 'error' }
      }
      waiting.end = end
      if (loader.holdsPlace) flight.run.hurry()
    }
    const landing = (await flight.landing) as Landing
    waiting.end()
    return landing
  }

  /** Past its lifetime, within its proof and within `staleWhileRevalidate`: served without asking Redis. */
  #staleInMemory({ id }: Place): MemoryEntry | undefined {
    const { memory, clock } = this.#rooms
    const now = clock.now()
    const entry = memory?.find(id, now)
    return typeof entry === 'object' && mayServeAtOnce(entry, now) ? entry : undefined
  }

  #serveStale({ tier, entry }: Candidate, reason: StaleReason, boarding?: Boarding): unknown {
    this.#count(STALE_HIT[tier][reason], boarding)
    return this.#rooms.values.take(entry.held)
  }

  /** At most one refresh a key, and none while its origin is left in peace. */
  #refreshBehind(places: readonly Place[], call: Call, options: ResolvedReadOptions): void {
    const { flights, backoffs } = this.#rooms
    const idle = places.filter(({ id }) => !flights.isUnderWay(id) && backoffs.get(id) === undefined)
    for (const flight of this.#takeOff(idle, call, options)) this.#goOnBehind(flight)
  }

  #goOnBehind(flight: Flight): void {
    flight.leaveUnattended()
    this.#rooms.behind(flight.landing)
  }

  /** Without a loader there is nothing to wait for: what Redis cannot verify is served if an error allows it. */
  #withoutLoader(found: LookedUp): unknown {
    if (isHit(found)) {
      this.#count(found.outcome)
      return found.value
    }
    const { outcome, stale } = found
    const unverified = outcome.reason === 'unavailable' && stale !== undefined
    if (unverified && mayServeOnError(stale.entry, this.#rooms.clock.now()))
      return this.#serveStale(stale, 'unavailable')
    this.#count(outcome)
    return undefined
  }

  #count(outcome: Outcome, boarding?: Boarding): void {
    this.#rooms.telemetry.lookedUp(outcome, boarding?.callers)
  }

  /** Operations that ended together: an observation each, and each way they failed once for each. */
  #report(started: readonly Milliseconds[], lookups: readonly LookedUp[]): void {
    const { telemetry } = this.#rooms
    telemetry.timedAll('get', started)
    const errors = new Set(lookups.map(({ error }) => error))
    for (const error of errors) if (error !== undefined) telemetry.failed('get', error, started.length)
  }
}

/** A caller's place on a flight. */
interface Boarding {
  readonly flight: Flight
  /** It was under way already. */
  readonly joined: boolean
  /** How many callers share this place: more than one in a crowd. */
  callers: number
  /** Tags that ended while it was under way, before this caller came. */
  readonly endedTags: readonly string[]
  readonly call: Call
  readonly options: ResolvedReadOptions
  readonly waiting: Waiting
}

/** A caller's wait, if it is a loader's, for another run: ended when the caller has what it wants, or gives up. */
class Waiting {
  end: () => void = () => {}
}

/** Whether an entry was removed, all of it or by a tag, before a caller may be served with it. */
function hasEnded(entry: HeldEntry, { flight, endedTags }: Boarding): boolean {
  if (!stands(entry) || (flight.mark.gone && flight.missed !== undefined)) return true
  return entry.extras?.tags.some((tag) => endedTags.includes(tag)) ?? false
}

function callOf(loader: Loader<unknown>, { values }: Rooms): Call {
  return async (wanted, cancellation) => {
    const [{ flight, found }] = wanted as [Wanted]
    const stale = (): unknown => found.stale && values.take(found.stale.entry.held)
    return [await loader(new LoaderContext(flight.place.key, cancellation, stale))]
  }
}

function batchCallOf(loader: BatchLoader<unknown>): Call {
  return async (wanted, cancellation) => {
    const keys = wanted.map(({ flight }) => flight.place.key)
    // A copy: a loader may sort it, or empty it.
    const loaded: unknown = await loader([...keys], new BatchContext(cancellation))
    if (loaded instanceof Map) return keys.map((key) => loaded.get(key))
    if (Array.isArray(loaded)) return loaded
    throw new InvalidOptionError('the result of the batch loader', 'an array or a Map', loaded)
  }
}

/** With `refresh` nothing counts as fresh; what was found is what a failing load may fall back to. */
function asExpired(found: LookedUp): LookedUp {
  if (!isHit(found)) return found
  return { outcome: MISS.expired, stale: { tier: found.outcome.tier, entry: found.entry }, error: undefined }
}

function isNotEmpty<T>(list: readonly T[]): list is readonly [T, ...T[]] {
  return list.length > 0
}
