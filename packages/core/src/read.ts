import { unlessAborted } from './abort.js'
import type { CallSpan } from './call-span.js'
import {
  type HeldEntry,
  type MemoryEntry,
  mayServeOnError,
  mayServeWhileRevalidating,
  stands,
  uselessFrom,
} from './entry.js'
import { InvalidOptionError, RecursiveLoadError } from './errors.js'
import { type Crowd, Flight, type Landing } from './flight/flights.js'
import { currentRun, Run } from './flight/run.js'
import { longest } from './lifetime.js'
import { type Call, Load, type Wanted } from './load.js'
import type { LoadFailure } from './loader/backoffs.js'
import { BatchContext, LoaderContext } from './loader/loader-context.js'
import { broken, LookUp } from './look-up.js'
import type { ResolvedReadOptions } from './options.js'
import {
  type Candidate,
  type Failure,
  isHit,
  type LookedUp,
  MISS,
  type NotFound,
  type Outcome,
  STALE_HIT,
  type StaleReason,
} from './outcome.js'
import { type Place, placeOf } from './place.js'
import type { Budget } from './redis/budget.js'
import type { Rooms } from './rooms.js'
import type { Asker } from './telemetry/telemetry.js'
import type { BatchLoader, Loader, Milliseconds } from './types.js'
import { byteLength } from './values.js'
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

  constructor(rooms: Rooms, write: WritePath) {
    this.#rooms = rooms
    this.#lookUp = new LookUp(rooms)
    this.#load = new Load(rooms, this.#lookUp, write)
  }

  /** How often a loader was run. */
  get loads(): number {
    return this.#load.runs
  }

  /** What is stored under keys of one view, as one operation and without a loader. */
  get(path: string, keys: readonly string[], tags: readonly string[]): Promise<unknown[]> {
    const { telemetry } = this.#rooms
    return telemetry.call('get', keys, async (span) => {
      const started = telemetry.start()
      const all = await this.#lookUp.many(path, keys, tags, this.#rooms.newBudget())
      this.#report([started], all, span)
      return all.map((found, index) => {
        const asker = { place: placeOf(path, keys[index] as string), callers: 1, span }
        return this.#withoutLoader(found, asker)
      })
    })
  }

  /** As `get`, for one key. What is done here is done for each hit in Redis: where nobody is traced, by callbacks. */
  getOne(place: Place, tags: readonly string[]): Promise<unknown> {
    const { telemetry } = this.#rooms
    if (telemetry.isTraced) return this.get(place.path, [place.key], tags).then(([value]) => value)
    const started = telemetry.start()
    return new Promise((resolve, reject) => {
      this.#lookUp.one(place, tags, this.#rooms.newBudget(), false, (found) => {
        telemetry.endedOne('get', started, found.error)
        try {
          resolve(this.#withoutLoader(found, { place, callers: 1, span: undefined }))
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  /** As `get` for one key, uncounted. */
  probe(place: Place, tags: readonly string[]): Promise<LookedUp> {
    return this.#rooms.telemetry.call('get', [place.key], async (span) => {
      const [found] = await this.#lookUp.many(place.path, [place.key], tags, this.#rooms.newBudget())
      span?.lookedUp((found as LookedUp).outcome)
      return found as LookedUp
    })
  }

  getOrSet(place: Place, loader: Loader<unknown>, options: ResolvedReadOptions): Promise<unknown> {
    const { telemetry, flights } = this.#rooms
    const isPlain = options.signal === undefined && !telemetry.isTraced && !options.refresh
    if (!isPlain || this.#staleInMemory(place) !== undefined) {
      return this.#readThrough([place], callOf(loader, this.#rooms), options).then(([value]) => value)
    }
    const started = telemetry.start()
    const isAlone = this.#rooms.options.earlyRefresh === undefined && !flights.isUnderWay(place.id)
    return isAlone
      ? this.#flyAlone(place, loader, options, started)
      : this.#flyPlainly(place, callOf(loader, this.#rooms), options, started)
  }

  /** As `#readThrough`, for one key of which nothing is under way: what hits in Redis and misses pass through. */
  async #flyAlone(
    place: Place,
    loader: Loader<unknown>,
    options: ResolvedReadOptions,
    started: Milliseconds,
  ): Promise<unknown> {
    const { flights, inProgress, telemetry } = this.#rooms
    const flight = new Flight(place, inProgress.begin(place.id), new Run(), false, undefined)
    flight.board()
    flights.add(flight)
    const budget = this.#rooms.newBudget()
    const { tags } = options.lifetime
    let found: LookedUp
    try {
      found = await new Promise<LookedUp>((resolve) => {
        this.#lookUp.forLoad(place, tags, longest(options.lifetime), budget, false, resolve)
      })
    } catch (error) {
      found = broken(error)
    }
    if (isHit(found) && found.generations.every((one) => !one.ended)) {
      this.#land(flight, undefined)
      flight.foundBy(found)
      flight.leave(1, undefined)
      telemetry.endedOne('get', started, found.error)
      this.#count(found.outcome, { place, callers: 1, span: undefined })
      return found.value
    }
    const boarding = boardingAtTakeOff(flight, callOf(loader, this.#rooms), options, false, 1)
    // It waits before it is told: what its loader does at once is to come after it, and not on its bill.
    const arrival = this.#arriveAlone(boarding, started)
    this.#flown([flight], [found], boarding.call, options, budget)
    return arrival
  }

  /** As `#readThrough`, for one key, and without what only others need. */
  #flyPlainly(place: Place, call: Call, options: ResolvedReadOptions, started: Milliseconds): Promise<unknown> {
    const joined = this.#rooms.flights.get(place.id)
    const [taken] = joined === undefined ? this.#takeOff([place], call, options, undefined) : []
    const flight = joined ?? (taken as Flight)
    return this.#arriveAlone(this.#boarding(place, flight, joined !== undefined, call, options, undefined, 1), started)
  }

  async #arriveAlone(boarding: Boarding, started: Milliseconds): Promise<unknown> {
    try {
      const found = await boarding.flight.lookup
      this.#report([started], boarding.isLate ? [] : [found])
      const arrival = this.#arrive(boarding, found)
      this.#refreshDue([boarding], [found])
      return await arrival
    } finally {
      this.#leave(boarding)
    }
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
    const isLate = mark.endedTags !== undefined || flight.isFencedByTags
    const differs = closed || isLate || !values.areShared || options.softLoadTimeout !== undefined
    if (differs || missed?.stale !== undefined || currentRun() !== undefined || telemetry.isTraced) return undefined
    if (this.#staleInMemory(flight.place) !== undefined) return undefined
    const started = telemetry.start()
    flight.board()
    flight.crowd ??= this.#gather(flight, callOf(loader, this.#rooms), options)
    flight.crowd.add(started)
    if (missed !== undefined) telemetry.ended('get', [started])
    return flight.crowd.arrival
  }

  #gather(flight: Flight, call: Call, options: ResolvedReadOptions): Crowd {
    const started: Milliseconds[] = []
    const boarding = boardingAtTakeOff(flight, call, options, true, 0)
    const arrive = async (): Promise<unknown> => {
      try {
        const found = await flight.lookup
        const at = this.#rooms.clock.precise()
        // The loader begins first: a thousand observations take milliseconds.
        await undefined
        this.#report(started, [found], undefined, at)
        return await this.#arrive(boarding, found)
      } finally {
        flight.leave(boarding.callers, undefined)
      }
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
    this.#refreshBehind([place], callOf(loader, this.#rooms), { ...options, refresh: true, early: true })
  }

  refreshEarlyMany(places: readonly Place[], loader: BatchLoader<unknown>, options: ResolvedReadOptions): void {
    this.#refreshBehind(places, batchCallOf(loader), { ...options, refresh: true, early: true })
  }

  async #readThrough(places: readonly Place[], call: Call, options: ResolvedReadOptions): Promise<unknown[]> {
    const { signal } = options
    signal?.throwIfAborted()
    const { telemetry } = this.#rooms
    const started = telemetry.start()
    const values = new Array<unknown>(places.length)
    const rest: number[] = []
    const behind: Place[] = []
    for (const [index, place] of places.entries()) {
      const entry = options.refresh ? undefined : this.#staleInMemory(place)
      if (entry === undefined) rest.push(index)
      else {
        const asker = { place, callers: 1, span: undefined }
        values[index] = this.#serveStale({ tier: 'memory', entry }, this.#whyStale(place), asker)
        behind.push(place)
      }
    }
    this.#refreshBehind(behind, call, options)
    if (rest.length === 0) {
      if (this.#rooms.options.timeMemoryHits) telemetry.ended('get', [started])
      return values
    }
    const left = rest.map((index) => places[index] as Place)
    const arrived = await telemetry.call(
      'get',
      left.map(({ key }) => key),
      (span) => this.#fly(left, call, options, [started], span),
    )
    for (const [position, index] of rest.entries()) values[index] = arrived[position]
    return values
  }

  /** By flights, until they have landed or the caller gives up. */
  async #fly(
    places: readonly Place[],
    call: Call,
    options: ResolvedReadOptions,
    starts: readonly Milliseconds[],
    span: CallSpan | undefined,
    callers?: number,
  ): Promise<unknown[]> {
    const { signal } = options
    const boardings = this.#board(places, call, options, span, callers)
    let isAboard = true
    const leave = (reason?: unknown): void => {
      if (!isAboard) return
      isAboard = false
      for (const boarding of boardings) this.#leave(boarding, reason)
    }
    try {
      const arrivals = this.#arriveTogether(boardings, starts)
      return await (signal === undefined ? arrivals : unlessAborted(arrivals, signal, leave))
    } finally {
      leave()
    }
  }

  /** The caller has what it came for, or gives up. */
  #leave(boarding: Boarding, reason?: unknown): void {
    boarding.hasLeft = true
    boarding.endWait?.()
    boarding.flight.leave(boarding.callers, reason)
  }

  /** The flights of these keys: those under way, and one for all the others together. */
  #board(
    places: readonly Place[],
    call: Call,
    options: ResolvedReadOptions,
    span: CallSpan | undefined,
    callers: number = 1,
  ): readonly Boarding[] {
    const { flights } = this.#rooms
    const underWay = places.map(({ id }) => (options.refresh ? flights.getRefreshing(id) : flights.get(id)))
    const taken = this.#takeOff(
      places.filter((_, index) => underWay[index] === undefined),
      call,
      options,
      span,
    ).values()
    return places.map((place, index) => {
      const joined = underWay[index]
      const flight = joined ?? (taken.next().value as Flight)
      return this.#boarding(place, flight, joined !== undefined, call, options, span, callers)
    })
  }

  #boarding(
    place: Place,
    flight: Flight,
    joined: boolean,
    call: Call,
    options: ResolvedReadOptions,
    span: CallSpan | undefined,
    callers: number,
  ): Boarding {
    flight.board(callers)
    span?.linkTo(flight.span)
    const { mark, missed, isFencedByTags } = flight
    return {
      place,
      flight,
      joined,
      isLate: joined && missed !== undefined,
      callers,
      span,
      hasLeft: false,
      endedTags: [...(mark.endedTags ?? [])],
      isLateForTags: isFencedByTags,
      call,
      options,
      endWait: undefined,
    }
  }

  /** One lookup and one run of the loader for keys of one view, and a flight for each key that others may join. */
  #takeOff(
    places: readonly Place[],
    call: Call,
    options: ResolvedReadOptions,
    span: CallSpan | undefined,
  ): readonly Flight[] {
    const [first] = places
    if (first === undefined) return []
    const { flights: board, inProgress, telemetry } = this.#rooms
    const run = new Run()
    const flights = places.map((place) => new Flight(place, inProgress.begin(place.id), run, options.refresh, span))
    const budget = this.#rooms.newBudget()
    const keys = places.map(({ key }) => key)
    const { tags } = options.lifetime
    // What this process is loading already is followed.
    const isLone = places.length === 1 && !options.refresh && !board.isUnderWay(first.id)
    const lookups = isLone
      ? new Promise<readonly LookedUp[]>((resolve) => {
          const done = (found: LookedUp): void => resolve([found])
          this.#lookUp.forLoad(first, tags, longest(options.lifetime), budget, telemetry.isTraced, done)
        })
      : this.#lookUp.many(first.path, keys, tags, budget)
    for (const flight of flights) board.add(flight)
    lookups.then(
      (all) => this.#flown(flights, options.refresh ? all.map(asExpired) : all, call, options, budget),
      (error) =>
        this.#flown(
          flights,
          keys.map(() => broken(error)),
          call,
          options,
          budget,
        ),
    )
    return flights
  }

  /** Their lookup has ended: what was found has landed, and what was not is loaded. */
  #flown(
    flights: readonly Flight[],
    lookups: readonly LookedUp[],
    call: Call,
    options: ResolvedReadOptions,
    budget: Budget,
  ): void {
    for (const [index, flight] of flights.entries()) {
      const found = lookups[index] as LookedUp
      // It lands at once: it must not grow old while others of its batch are loaded.
      if (isHit(found)) this.#land(flight, undefined)
      flight.foundBy(found)
    }
    try {
      const landings = this.#loadMissing(flights, lookups, call, options, budget)
      for (const [index, flight] of flights.entries()) {
        const landing = landings[index]
        if (landing instanceof Promise) landing.then((one) => this.#land(flight, one))
        else if (landing !== undefined) this.#land(flight, landing)
      }
    } catch (error) {
      for (const [index, flight] of flights.entries()) {
        if (!isHit(lookups[index] as LookedUp)) this.#land(flight, { kind: 'failed', error, reason: 'error' })
      }
    }
  }

  #land(flight: Flight, landing: Landing | undefined): void {
    const { flights, inProgress } = this.#rooms
    flights.land(flight)
    inProgress.end(flight.place.id, flight.mark)
    flight.landAs(landing)
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
      const instead = failure === undefined ? this.#followed(flight) : ({ kind: 'failed', ...failure } as const)
      if (instead !== undefined) {
        this.#load.forgo(found)
        return instead
      }
      wanted.push({ flight, found })
      return wanted.length - 1
    })
    const loaded = isNotEmpty(wanted) ? this.#loadWanted(wanted, call, options, budget) : []
    return landings.map((landing) => (typeof landing === 'number' ? loaded[landing] : landing))
  }

  /** Where all who took off are served stale meanwhile, the load goes on behind them. */
  #loadWanted(
    wanted: readonly [Wanted, ...Wanted[]],
    call: Call,
    options: ResolvedReadOptions,
    budget: Budget,
  ): ReadonlyArray<Promise<Landing>> {
    const { clock, telemetry } = this.#rooms
    const load = (): ReadonlyArray<Promise<Landing>> => this.#load.run(wanted, call, options, budget)
    const now = clock.now()
    const isServed = wanted.every(({ found: { stale } }) => stale && mayServeWhileRevalidating(stale.entry, now))
    // What is unattended already is in a trace of its own.
    if (!isServed || options.refresh || wanted[0].flight.isUnattended) return load()
    const background = telemetry.background(wanted.map(({ flight }) => flight.place.key))
    const landings = background.run(load)
    if (background.span !== undefined) endWith(background.span, Promise.all(landings))
    return landings
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
    // It brings what may carry a tag that has ended since.
    if (other.mark !== flight.mark && other.mark.endedTags !== undefined) return undefined
    if (!flight.follow(other)) return undefined
    flight.span?.linkTo(other.span)
    return other.lookup.then((found) => {
      if (!isHit(found)) return other.landing
      const { held, extras } = found.entry
      return { kind: 'loaded', held, tags: extras?.tags ?? [], elsewhere: false }
    })
  }

  /** The failure to repeat for an origin that failed a moment ago, where something stale can be served instead. */
  #leftInPeace({ id }: Place, { stale }: NotFound): LoadFailure | undefined {
    const { backoffs, clock } = this.#rooms
    return stale !== undefined && clock.now() < uselessFrom(stale.entry) ? backoffs.get(id) : undefined
  }

  async #arriveTogether(boardings: readonly Boarding[], starts: readonly Milliseconds[]): Promise<unknown[]> {
    const lookups = await Promise.all(boardings.map(({ flight }) => flight.lookup))
    const waitedFor = lookups.filter((_, index) => !boardings[index]?.isLate)
    this.#report(starts, waitedFor, boardings[0]?.span)
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
    this.#refreshBehind(places, first.call, { ...first.options, refresh: true, early: true })
  }

  /** A caller's end of a flight, counted. */
  async #arrive(boarding: Boarding, found: LookedUp): Promise<unknown> {
    const { values, clock, telemetry } = this.#rooms
    const { flight, joined, options } = boarding
    if (isHit(found)) {
      if (hasEnded(found.entry, boarding)) return this.#again(boarding)
      boarding.span?.sized(sizeOf(found.entry, flight.place))
      this.#count(found.outcome, boarding)
      return joined ? values.take(found.entry.held) : found.value
    }
    const { outcome } = found
    // Read anew each time: what may be served stale may end while this waits.
    const stale = (allows: typeof mayServeOnError): Candidate | undefined =>
      found.stale !== undefined &&
      allows(found.stale.entry, clock.now()) &&
      !hasEnded(found.stale.entry, boarding) &&
      !boarding.hasLeft
        ? found.stale
        : undefined
    const atOnce = options.refresh ? undefined : stale(mayServeWhileRevalidating)
    if (atOnce !== undefined) {
      this.#goOnBehind(flight)
      const reason = outcome.reason === 'unavailable' ? 'unavailable' : this.#whyStale(flight.place)
      return this.#serveStale(atOnce, reason, boarding)
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
      if (isAnothers) telemetry.coalesced(boarding.callers, 'process')
      return this.#serveStale(fallback, landing.reason, boarding)
    }
    // It turned out to carry a tag that had ended, or may have, before this caller came.
    if (isAnothers && landing.kind === 'loaded' && landing.tags.some((tag) => isTooOld(tag, boarding))) {
      return this.#again(boarding)
    }
    this.#count(outcome, boarding)
    if (landing.kind === 'loaded' && landing.elsewhere) telemetry.coalesced(boarding.callers, 'fleet')
    else if (isAnothers) telemetry.coalesced(boarding.callers, 'process')
    if (landing.kind === 'failed') throw landing.error
    return landing.held && values.take(landing.held)
  }

  /** The flight brought what had ended before this caller came. */
  async #again(boarding: Boarding): Promise<unknown> {
    const { place, flight, call, options, span, callers } = boarding
    await flight.landing
    if (options.signal?.aborted) this.#count(MISS.absent, boarding)
    options.signal?.throwIfAborted()
    // It is the same call still: its span, and its one observation, are there.
    const [value] = await this.#fly([place], call, options, [], span, callers)
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
    boarding.endWait?.()
    return isLate
  }

  /** Waits for the load; a loader does not wait for what waits for it. */
  #landingOf(boarding: Boarding): Promise<Landing> {
    const { flight } = boarding
    const landing = flight.landing as Promise<Landing>
    const loader = currentRun()
    if (loader === undefined) return landing
    const end = loader.waitFor(flight)
    if (end === undefined) {
      return Promise.resolve({ kind: 'failed', error: new RecursiveLoadError(flight.place.key), reason: 'error' })
    }
    boarding.endWait = end
    if (loader.holdsPlace) flight.hurry()
    return landing.finally(end)
  }

  /** Past its lifetime, within its proof and within `staleWhileRevalidate`: served without asking Redis. */
  #staleInMemory({ id }: Place): MemoryEntry | undefined {
    const { memory, clock } = this.#rooms
    return memory?.getStale(id, clock.now())
  }

  /** Of what is served at once: nothing revalidates it while its origin is left in peace. */
  #whyStale({ id }: Place): StaleReason {
    return this.#rooms.backoffs.get(id)?.reason ?? 'revalidating'
  }

  #serveStale({ tier, entry }: Candidate, reason: StaleReason, asker: Asker): unknown {
    this.#count(STALE_HIT[tier][reason], asker)
    return this.#rooms.values.take(entry.held)
  }

  /** At most one refresh a key, and none while its origin is left in peace. */
  #refreshBehind(places: readonly Place[], call: Call, options: ResolvedReadOptions): void {
    const { flights, backoffs } = this.#rooms
    const idle = places.filter(({ id }) => !flights.isUnderWay(id) && backoffs.get(id) === undefined)
    if (idle.length === 0) return
    const background = this.#rooms.telemetry.background(idle.map(({ key }) => key))
    const taken = background.run(() => this.#takeOff(idle, call, options, background.span))
    for (const flight of taken) this.#goOnBehind(flight)
    if (background.span !== undefined) endWith(background.span, Promise.all(taken.map(({ landing }) => landing)))
  }

  #goOnBehind(flight: Flight): void {
    flight.leaveUnattended()
    this.#rooms.behind(flight.landing)
  }

  /** Without a loader there is nothing to wait for: what Redis cannot verify is served if an error allows it. */
  #withoutLoader(found: LookedUp, asker: Asker): unknown {
    if (isHit(found)) {
      asker.span?.sized(sizeOf(found.entry, asker.place))
      this.#count(found.outcome, asker)
      return found.value
    }
    const { outcome, stale } = found
    const unverified = outcome.reason === 'unavailable' && stale !== undefined
    if (unverified && mayServeOnError(stale.entry, this.#rooms.clock.now()))
      return this.#serveStale(stale, 'unavailable', asker)
    this.#count(outcome, asker)
    return undefined
  }

  #count(outcome: Outcome, asker: Asker): void {
    this.#rooms.telemetry.lookedUp(outcome, asker)
  }

  /** Operations that ended together: an observation each, and each way they failed once for each. */
  #report(started: readonly Milliseconds[], lookups: readonly LookedUp[], span?: CallSpan, at?: Milliseconds): void {
    const failures = new Set<Failure>()
    for (const { error } of lookups) if (error !== undefined) failures.add(error)
    this.#rooms.telemetry.ended('get', started, failures, at)
    for (const failure of failures) span?.redisFailed(failure)
  }
}

/** A caller's place on a flight. */
interface Boarding extends Asker {
  readonly flight: Flight
  /** It was under way already. */
  readonly joined: boolean
  /** Its lookup was over already. */
  readonly isLate: boolean
  /** The caller has given up: it is served with nothing any more. */
  hasLeft: boolean
  /** How many callers share this place: more than one in a crowd. */
  callers: number
  /** Tags that ended while it was under way, before this caller came. */
  readonly endedTags: readonly string[]
  /** Other processes have ended tags meanwhile, nobody knows which. */
  readonly isLateForTags: boolean
  readonly call: Call
  readonly options: ResolvedReadOptions
  /** Ends its wait, if it is a loader's, for another run. */
  endWait: (() => void) | undefined
}

/** Of who comes with a flight, before anything of it can have ended. */
function boardingAtTakeOff(
  flight: Flight,
  call: Call,
  options: ResolvedReadOptions,
  joined: boolean,
  callers: number,
): Boarding {
  return {
    place: flight.place,
    flight,
    joined,
    isLate: false,
    callers,
    span: undefined,
    hasLeft: false,
    endedTags: [],
    isLateForTags: false,
    call,
    options,
    endWait: undefined,
  }
}

/** Whether an entry was removed, all of it or by a tag, before a caller may be served with it. */
function hasEnded(entry: HeldEntry, { flight, endedTags }: Boarding): boolean {
  if (!stands(entry) || (flight.mark.gone && flight.missed !== undefined)) return true
  return entry.extras?.tags.some((tag) => endedTags.includes(tag)) ?? false
}

/** Whether what carries a tag may have ended before a caller came. */
function isTooOld(tag: string, { endedTags, isLateForTags, options }: Boarding): boolean {
  return endedTags.includes(tag) || (isLateForTags && !options.lifetime.tags.includes(tag))
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

/** The span of what goes on behind ends when that has landed. */
async function endWith(span: CallSpan, landings: Promise<ReadonlyArray<Landing | undefined>>): Promise<void> {
  for (const landing of await landings) if (landing?.kind === 'failed') span.failed(landing.error)
  span.end()
}

/** Of a value as it is encoded, in bytes. */
function sizeOf(entry: MemoryEntry, { key }: Place): number {
  return entry.bytes - byteLength(key)
}

function isNotEmpty<T>(list: readonly T[]): list is readonly [T, ...T[]] {
  return list.length > 0
}
