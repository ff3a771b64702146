import type { Flight } from './flight/flights.js'
import type { Mark } from './flight/in-progress.js'
import { drawSpan, resolveLifetime } from './lifetime.js'
import { runLoader } from './loader/run-loader.js'
import type { ResolvedReadOptions } from './options.js'
import { type ErrorType, HIT, type LookedUp, notFound } from './outcome.js'
import type { Budget } from './redis/budget.js'
import type { RedisRead } from './redis/redis.js'
import type { Rooms } from './rooms.js'
import type { Loader, Milliseconds } from './types.js'
import type { HeldValue } from './values.js'
import { type Place, placeOf, type WritePath } from './write.js'

/**
 * The read path, from where memory had no answer: Redis, then one load a key, then the value back into both tiers.
 * The door has asked memory already.
 */
export class ReadPath {
  readonly #rooms: Rooms
  readonly #write: WritePath
  loads = 0
  coalesced = 0

  constructor(rooms: Rooms, write: WritePath) {
    this.#rooms = rooms
    this.#write = write
  }

  /** Looks up keys of one view that are not in memory, as one operation. */
  async get(path: string, keys: readonly string[], tags: readonly string[]): Promise<unknown[]> {
    const started = this.#rooms.telemetry.start()
    const found = await this.lookUp(path, keys, tags, this.#write.newBudget())
    this.#report(started, found)
    return found.map(({ value }) => value)
  }

  async getOrSet(place: Place, loader: Loader<unknown>, options: ResolvedReadOptions): Promise<unknown> {
    options.signal?.throwIfAborted()
    const started = this.#rooms.telemetry.start()
    const joined = this.#rooms.flights.get(place.id)
    const flight = joined ?? this.#takeOff(place, loader, options)
    // Counted once it is known, also for a caller who has given up by then.
    const lookup = flight.lookup.then((found) => {
      this.#report(started, [found])
      return found
    })
    const found = await unlessAborted(lookup, options.signal)
    if (joined === undefined && found.held !== undefined) return found.value
    if (joined !== undefined && found.held === undefined) this.coalesced += 1
    const held = await unlessAborted(flight.value, options.signal)
    return held && this.#rooms.values.take(held)
  }

  /** Asks Redis, and fills memory with what it finds. Counts nothing and never rejects. */
  async lookUp(
    path: string,
    keys: readonly string[],
    tags: readonly string[],
    budget: Budget,
  ): Promise<readonly LookedUp[]> {
    const { redis, inProgress } = this.#rooms
    const places = keys.map((key) => placeOf(path, key))
    if (redis === undefined) return places.map((place) => this.#absent(place))
    const marks = places.map(({ id }) => inProgress.begin(id))
    const reads = await redis.read(path, keys, tags, budget)
    return places.map((place, index) => {
      const mark = marks[index] as Mark
      inProgress.end(place.id, mark)
      return this.#judge(place, reads[index] as RedisRead, mark)
    })
  }

  /** Begins the one read-through of a key that others may join. */
  #takeOff(place: Place, loader: Loader<unknown>, options: ResolvedReadOptions): Flight {
    const { flights, inProgress } = this.#rooms
    const mark = inProgress.begin(place.id)
    const budget = this.#write.newBudget()
    const lookup = this.#lookUpOne(place, options, budget)
    const value = lookup
      .then((found) => found.held ?? this.#load(place, loader, options, { mark, budget, lookupError: found.error }))
      .finally(() => inProgress.end(place.id, mark))
    const flight = { lookup, value }
    flights.add(place.id, flight)
    return flight
  }

  async #lookUpOne(place: Place, options: ResolvedReadOptions, budget: Budget): Promise<LookedUp> {
    if (options.refresh) return notFound('expired')
    const [found] = await this.lookUp(place.path, [place.key], options.lifetime.tags, budget)
    return found as LookedUp
  }

  /** Loads, and stores what came, unless the key has changed meanwhile. */
  async #load(
    place: Place,
    loader: Loader<unknown>,
    options: ResolvedReadOptions,
    flight: { readonly mark: Mark; readonly budget: Budget; readonly lookupError: ErrorType | undefined },
  ): Promise<HeldValue | undefined> {
    const { clock, random, values } = this.#rooms
    const { path, key } = place
    const { mark, budget, lookupError } = flight
    // Before the load: what ends a generation while the load runs thereby refuses its value.
    const belongs =
      lookupError === undefined || lookupError === 'undecodable'
        ? await this.#write.note(path, options.lifetime, budget)
        : undefined
    this.loads += 1
    const context = { key, stale: undefined }
    const loaded = await runLoader(loader, context, new AbortController(), options.loadTimeout, clock)
    if (loaded.kind !== 'value') throw loaded.error
    if (loaded.value === undefined) return undefined
    const lifetime = resolveLifetime(loaded.lifetime, options.lifetime, 'the lifetime from the loader')
    const { encoded, held } = values.accept(loaded.value)
    const span = drawSpan(lifetime, loaded.value, random)
    if (belongs !== undefined && !mark.void && span.fresh > 0) {
      const { tags } = lifetime
      const value = { encoded, held, span, tags, loadDuration: loaded.duration, generations: belongs }
      await this.#write.store(place, value, mark, budget)
    }
    return held
  }

  #judge(place: Place, read: RedisRead, mark: Mark): LookedUp {
    if (read.kind === 'failed') return notFound('unavailable', read.error)
    if (read.kind === 'missing') {
      return read.reason === 'undecodable' ? notFound('undecodable', 'undecodable') : this.#absent(place)
    }
    const { values } = this.#rooms
    const { stored } = read
    if (!read.fresh) return notFound('expired')
    if (!values.reads(stored.codec)) return notFound('undecodable', 'undecodable')
    try {
      const held = values.hold(stored.body)
      const value = values.take(held)
      if (!mark.void) this.#write.remember(place, { ...read, held, encoded: stored.body, tags: stored.tags })
      return { outcome: HIT.redis, held, value, error: undefined }
    } catch {
      return notFound('undecodable', 'undecodable')
    }
  }

  #absent(place: Place): LookedUp {
    const { memory, clock } = this.#rooms
    return notFound(memory?.dropExpired(place.id, clock.now()) ? 'expired' : 'absent')
  }

  /** One operation: one observation, each key once by its outcome, each way it failed once. */
  #report(started: Milliseconds, found: readonly LookedUp[]): void {
    const { telemetry } = this.#rooms
    telemetry.timed('get', started)
    const errors = new Set<ErrorType>()
    for (const { outcome, error } of found) {
      telemetry.lookedUp(outcome)
      if (error !== undefined) errors.add(error)
    }
    for (const error of errors) telemetry.failed('get', error)
  }
}

/** The promise, or the signal's reason if that comes first. The promise itself goes on. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  signal.throwIfAborted()
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort)
  }
}
