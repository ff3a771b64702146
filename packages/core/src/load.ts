import { context } from '@opentelemetry/api'
import { uselessFrom } from './entry.js'
import { InvalidValueError } from './errors.js'
import type { Flight, Landing } from './flight/flights.js'
import type { Generation } from './generations.js'
import { drawSpan, type ResolvedLifetime, resolveLifetime, totalOf } from './lifetime.js'
import { LifetimeResult, NOT_MODIFIED } from './loader/load-result.js'
import { Cancellation, type Loaded, runLoader } from './loader/run-loader.js'
import { mayKeep } from './mark.js'
import type { ResolvedReadOptions } from './options.js'
import type { Candidate, NotFound } from './outcome.js'
import type { Place } from './place.js'
import type { Budget } from './redis/budget.js'
import type { Rooms } from './rooms.js'
import type { Milliseconds } from './types.js'
import type { WritePath } from './write.js'

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

/** The second half of the read path: one run of a loader, for one key or for many, and what came of it into both tiers. */
export class Load {
  readonly #rooms: Rooms
  readonly #write: WritePath
  runs = 0

  constructor(rooms: Rooms, write: WritePath) {
    this.#rooms = rooms
    this.#write = write
  }

  /** Loads keys of one view in one run, and tells how each landed, in their order. Never rejects. */
  async run(
    wanted: readonly [Wanted, ...Wanted[]],
    call: Call,
    options: ResolvedReadOptions,
    budget: Budget,
  ): Promise<readonly Landing[]> {
    const { clock, loadQueue, telemetry } = this.#rooms
    const { run } = wanted[0].flight
    // Before the load: what ends a generation while the load runs thereby refuses its value.
    const generations = await this.#note(wanted, options.lifetime, budget)
    const ticket = run.enter(loadQueue)
    const cancellation = new Cancellation()
    const keys = wanted.map(({ flight }) => flight.place.key)
    const loading = runLoader(
      {
        call: () => {
          this.runs += 1
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
    run.end()
    ticket.done()
    const result = loaded.kind === 'loaded' ? 'success' : loaded.reason
    if (loaded.duration !== undefined) telemetry.loaded(result, loaded.duration, keys)
    return Promise.all(
      wanted.map((one, index) => this.#land(one, index, loaded, options.lifetime, generations, budget)),
    )
  }

  /** Undefined where Redis could not be asked: the value must then not be stored. */
  async #note(
    wanted: readonly Wanted[],
    lifetime: ResolvedLifetime,
    budget: Budget,
  ): Promise<readonly Generation[] | undefined> {
    const place = wanted.find(({ found }) => isStorable(found))?.flight.place
    return place && this.#write.note(place.path, lifetime.tags, longest(lifetime), budget)
  }

  async #land(
    { flight, found }: Wanted,
    index: number,
    loaded: Loaded,
    defaults: ResolvedLifetime,
    generations: readonly Generation[] | undefined,
    budget: Budget,
  ): Promise<Landing> {
    const { backoffs, clock, random, values } = this.#rooms
    const { place } = flight
    // Where something of use is left, its origin can be left in peace for a while.
    const failed = (error: unknown, reason: 'error' | 'timeout'): Landing => {
      const canWait = found.stale !== undefined && clock.now() < uselessFrom(found.stale.entry)
      if (canWait && !flight.isCalledOff) backoffs.failed(place.id, { error, reason })
      return { kind: 'failed', error, reason }
    }
    if (loaded.kind === 'failed') return failed(loaded.error, loaded.reason)
    try {
      const { value, lifetime } = this.#resultOf(loaded.values[index], found.stale, defaults)
      if (value === undefined) {
        backoffs.forget(place.id)
        return { kind: 'loaded', held: undefined, tags: [] }
      }
      const { tags } = lifetime
      const { encoded, held, isNull } = values.accept(value)
      backoffs.forget(place.id)
      const span = drawSpan(lifetime, isNull, random)
      const belongs =
        generations && isStorable(found) && (await this.#belongs(place, generations, lifetime, defaults, budget))
      // What is not to be stored has nothing to do here, unless an old value would outlive it.
      const isConcern = span.fresh > 0 || found.stale !== undefined
      if (belongs && isConcern && mayKeep(flight.mark, tags)) {
        const storing = { encoded, held, span, tags, loadDuration: loaded.duration, generations: belongs }
        await this.#write.store(flight, storing, budget)
      }
      return { kind: 'loaded', held, tags }
    } catch (error) {
      return failed(error, 'error')
    }
  }

  /** What a loader returned, with the lifetime it chose. Throws InvalidOptionError, InvalidValueError. */
  #resultOf(result: unknown, stale: Candidate | undefined, defaults: ResolvedLifetime): Kept {
    if (!(result instanceof LifetimeResult)) return { value: result, lifetime: defaults }
    const chosen = resolveLifetime(result.lifetime, defaults, 'the lifetime from the loader')
    if (result.value !== NOT_MODIFIED) return { value: result.value, lifetime: chosen }
    if (stale === undefined) throw new InvalidValueError('a loader returned notModified() without a stale value')
    const { held, extras } = stale.entry
    const tags = result.lifetime.tags === undefined ? (extras?.tags ?? []) : chosen.tags
    return { value: this.#rooms.values.take(held), lifetime: { ...chosen, tags } }
  }

  /**
   * The generations of a value whose loader may have chosen other tags than the call: those of its views are the ones
   * noted before the load. Undefined where one of them has ended.
   */
  async #belongs(
    { path }: Place,
    noted: readonly Generation[],
    lifetime: ResolvedLifetime,
    defaults: ResolvedLifetime,
    budget: Budget,
  ): Promise<readonly Generation[] | undefined> {
    const { tags } = lifetime
    const lasting = longest(lifetime)
    // What is believed to be the id of a tag that no lookup asked for may be long gone.
    const isNew = tags.some((tag) => !defaults.tags.includes(tag))
    const isSame = !isNew && tags.length === defaults.tags.length && lasting <= longest(defaults)
    const belongs = isSame ? noted : await this.#write.note(path, tags, lasting, budget, isNew)
    return noted.some(({ ended }) => ended) ? undefined : belongs
  }
}

/** How long what is stored with this lifetime may last, at most. */
function longest(lifetime: ResolvedLifetime): Milliseconds {
  const [value, negative] = [false, true].map((isNull) => totalOf(drawSpan(lifetime, isNull, () => 0)))
  return Math.max(value as number, negative as number)
}

/** What is known to be missing may be stored; where Redis failed it would only fail again. */
function isStorable({ error }: NotFound): boolean {
  return error === undefined || error === 'undecodable'
}
