import type { CallSpan } from '../call-span.js'
import type { Clock } from '../clock.js'
import type { Generation } from '../generations.js'
import { isUnder } from '../keys.js'
import type { Mark } from '../mark.js'
import type { LookedUp, NotFound, StaleReason } from '../outcome.js'
import type { Place } from '../place.js'
import type { Milliseconds } from '../types.js'
import type { HeldValue } from '../values.js'
import { Later } from './later.js'
import type { Run } from './run.js'
import { TransientMap } from './transient-map.js'

/** How a load ended for those who waited for it. */
export type Landing =
  | {
      readonly kind: 'loaded'
      readonly held: HeldValue | undefined
      readonly tags: readonly string[]
      /** By another process. */
      readonly elsewhere: boolean
    }
  | { readonly kind: 'failed'; readonly error: unknown; readonly reason: StaleReason }

/** Callers who came to a flight with nothing of their own, and share one promise. */
export interface Crowd {
  readonly arrival: Promise<unknown>
  add(started: Milliseconds): void
}

/** One read-through of one key: a lookup, then a load where it is needed. Its promises never reject. */
export class Flight {
  readonly place: Place
  readonly mark: Mark
  /** Whether what is cached is skipped. */
  readonly refreshing: boolean
  /** The span of the call that took off. */
  readonly span: CallSpan | undefined
  readonly #lookup = new Later<LookedUp>()
  readonly #landing = new Later<Landing | undefined>()
  /** The callers who see one end. */
  crowd: Crowd | undefined
  /** What its lookup found, once that was nothing fresh: it is loading. */
  missed: NotFound | undefined
  /** What its value will belong to, once it is being loaded. */
  fences: { readonly generations: readonly Generation[]; readonly anyTag: readonly Generation[] } | undefined
  #joinableUntil: Milliseconds = Number.POSITIVE_INFINITY
  /** What it waits for: the run of its own loader, should one be needed, or the flight that it follows. */
  #leadsTo: Run | Flight
  #passengers = 0
  #isUnattended = false

  constructor(place: Place, mark: Mark, run: Run, refreshing: boolean, span: CallSpan | undefined) {
    this.place = place
    this.mark = mark
    this.#leadsTo = run
    this.refreshing = refreshing
    this.span = span
  }

  get lookup(): Promise<LookedUp> {
    return this.#lookup.promise
  }

  /** Undefined where the lookup found what was wanted. */
  get landing(): Promise<Landing | undefined> {
    return this.#landing.promise
  }

  foundBy(found: LookedUp): void {
    this.#lookup.settle(found)
  }

  landAs(landing: Landing | undefined): void {
    this.#landing.settle(landing)
  }

  /** The run that brings its value. */
  get run(): Run {
    return this.#leadsTo instanceof Flight ? this.#leadsTo.run : this.#leadsTo
  }

  /** It waits for what another flight loads. */
  get follows(): boolean {
    return this.#leadsTo instanceof Flight
  }

  /** Takes what another flight brings instead of loading. False, and nothing changes, where that one waits for this. */
  follow(other: Flight): boolean {
    if (other.reaches(this)) return false
    const own = this.#leadsTo
    this.#leadsTo = other
    other.board(this.#passengers)
    if (this.#isUnattended) other.leaveUnattended()
    own.leave(this.#passengers, undefined)
    return true
  }

  /** Another run brings its value than the one it took off with. */
  changeTo(run: Run): void {
    const own = this.run
    this.#leadsTo = run
    run.board(this.#passengers)
    if (this.#isUnattended) run.leaveUnattended()
    if (own.isUrgent) run.hurry()
    own.leave(this.#passengers, undefined)
  }

  /** Until when newcomers may join its load without a sign that the key has not been changed elsewhere since. */
  get joinableUntil(): Milliseconds {
    return this.#leadsTo instanceof Flight ? this.#leadsTo.joinableUntil : this.#joinableUntil
  }

  set joinableUntil(instant: Milliseconds) {
    this.#joinableUntil = instant
  }

  get hasPassengers(): boolean {
    return this.#passengers > 0
  }

  reaches(target: Run | Flight, seen: Set<Run> = new Set()): boolean {
    return target === this || this.#leadsTo.reaches(target, seen)
  }

  /** Somebody who holds a place under a cap waits for it. */
  hurry(): void {
    this.#leadsTo.hurry()
  }

  board(passengers: number = 1): void {
    this.#passengers += passengers
    this.#leadsTo.board(passengers)
  }

  /** Passengers have what they came for, or give up. */
  leave(passengers: number, reason: unknown): void {
    this.#passengers -= passengers
    this.#leadsTo.leave(passengers, reason)
  }

  /** It goes on for its own sake: a stale value was served in its place. */
  leaveUnattended(): void {
    this.#isUnattended = true
    this.#leadsTo.leaveUnattended()
  }

  get isUnattended(): boolean {
    return this.#isUnattended
  }

  /** What it brings has ended, all of it: whoever comes now wants something newer. */
  get isFenced(): boolean {
    if (this.#leadsTo instanceof Flight) return this.#leadsTo.isFenced
    return this.fences?.generations.some(hasEnded) ?? false
  }

  /** What it brings has ended if it carries a tag that only its loader knows. */
  get isFencedByTags(): boolean {
    if (this.#leadsTo instanceof Flight) return this.#leadsTo.isFencedByTags
    return this.fences?.anyTag.some(hasEnded) ?? false
  }

  /** Nobody waits for its run any more. */
  get isCalledOff(): boolean {
    return this.#leadsTo.isCalledOff
  }
}

/**
 * The flights under way: for each key at most one that is content with what is cached, and one that refreshes it. The
 * first must not wait for the second where something is cached; of the two only one loads.
 */
export class Flights {
  readonly #clock: Clock
  readonly #content = new TransientMap<Flight>()
  readonly #refreshing = new TransientMap<Flight>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The flight that a newcomer who is content with what is cached joins. One that was called off takes nobody aboard. */
  get(id: string): Flight | undefined {
    return this.#takesAboard(this.#content.get(id))
  }

  /** The flight that a newcomer who wants a refresh joins: also one that is loading because nothing was cached. */
  getRefreshing(id: string): Flight | undefined {
    const flight = this.get(id)
    return this.#takesAboard(this.#refreshing.get(id)) ?? (flight?.missed && flight)
  }

  /** The flight for the same key that another one may follow instead of loading itself. */
  otherThan(flight: Flight): Flight | undefined {
    const { id } = flight.place
    const [same, other] = flight.refreshing ? [this.#refreshing, this.#content] : [this.#content, this.#refreshing]
    // The flight itself is not on the board any more where its key has changed since.
    const newer = this.#takesAboard(same.get(id))
    return newer === undefined || newer === flight ? this.#takesAboard(other.get(id)) : newer
  }

  isUnderWay(id: string): boolean {
    return this.get(id) !== undefined || this.getRefreshing(id) !== undefined
  }

  add(flight: Flight): void {
    this.#boardOf(flight).set(flight.place.id, flight)
  }

  /** It has landed: who comes now starts another. */
  land(flight: Flight): void {
    const board = this.#boardOf(flight)
    if (board.get(flight.place.id) === flight) board.delete(flight.place.id)
  }

  /** The key has changed: its flights go on for those aboard, and the next caller starts another. */
  leave(id: string): void {
    this.#content.delete(id)
    this.#refreshing.delete(id)
  }

  leaveUnder(path: string): void {
    for (const board of [this.#content, this.#refreshing]) {
      for (const [id] of board.entries()) if (isUnder(path, id)) board.delete(id)
    }
  }

  get size(): number {
    return this.#content.size + this.#refreshing.size
  }

  #takesAboard(flight: Flight | undefined): Flight | undefined {
    if (flight === undefined || flight.isCalledOff || flight.isFenced) return undefined
    return this.#clock.now() < flight.joinableUntil ? flight : undefined
  }

  #boardOf(flight: Flight): TransientMap<Flight> {
    return flight.refreshing ? this.#refreshing : this.#content
  }
}

function hasEnded({ ended }: Generation): boolean {
  return ended
}
