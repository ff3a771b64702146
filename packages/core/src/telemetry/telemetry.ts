import type { CallSpan } from '../call-span.js'
import type { Clock } from '../clock.js'
import type { ErrorType, Failure, Operation, Outcome } from '../outcome.js'
import type { Place } from '../place.js'
import type { Milliseconds } from '../types.js'
import type { Cell } from './counter.js'
import { type LoadEvent, type LookupEvent, loads, lookups, type OperationEvent, operations } from './events.js'
import { type LoadResult, Metrics, type MetricsOptions, type Scope, type Tiers, type Totals } from './metrics.js'
import { type Background, type SpanOperation, type SpanOptions, Spans } from './spans.js'

export type TelemetryOptions = MetricsOptions & SpanOptions

/** Who is told about an outcome. */
export interface Asker {
  readonly place: Place
  /** How many callers share the outcome. */
  readonly callers: number
  readonly span: CallSpan | undefined
}

export interface Counts extends Totals {
  readonly hits: { readonly memory: number; readonly redis: number }
}

/** What a caller gets for a start time while nobody measures. */
const UNMEASURED = -1
const NONE: readonly Failure[] = []

/** Derives every signal from outcomes: the one place that counts. Nothing here throws into a caller. */
export class Telemetry {
  readonly #name: string
  readonly #clock: Clock
  readonly #metrics: Metrics
  readonly #spans: Spans

  constructor(options: TelemetryOptions, clock: Clock, tiers: Tiers) {
    this.#name = options.name
    this.#clock = clock
    this.#metrics = new Metrics(options, tiers)
    this.#spans = new Spans(options)
    this.memoryHits = this.#metrics.hits.memory
    clock.onTurn = () => this.#metrics.resolve()
  }

  /** The cell of the hottest path, which increments it and is done, unless somebody listens. */
  readonly memoryHits: Cell

  /** Whether somebody wants to be told of each lookup. */
  get hasListeners(): boolean {
    return lookups.hasSubscribers
  }

  /** Whether somebody is told of anything, and so runs where it is told. */
  get isHeard(): boolean {
    return lookups.hasSubscribers || operations.hasSubscribers
  }

  /** Counts one key of one lookup. */
  lookedUp(outcome: Outcome, { place, callers, span }: Asker): void {
    const cell = outcome.result === 'hit' ? this.#metrics.hits[outcome.tier] : this.#metrics.miss(outcome.reason)
    cell.count += callers
    if (outcome.result === 'hit' && outcome.stale !== undefined) this.#metrics.stale(outcome.stale).count += callers
    span?.lookedUp(outcome)
    this.tell(outcome, place, callers)
  }

  /** Tells who listens of one key of one lookup. */
  tell(outcome: Outcome, { key, path }: Pick<Place, 'key' | 'path'>, callers: number = 1): void {
    if (!lookups.hasSubscribers) return
    const isHit = outcome.result === 'hit'
    const event: LookupEvent = {
      cache: this.#name,
      key,
      namespace: path,
      result: outcome.result,
      tier: isHit ? outcome.tier : undefined,
      stale: isHit ? outcome.stale : undefined,
      reason: isHit ? undefined : outcome.reason,
      callers,
    }
    lookups.publish(event)
  }

  /** Counts callers that waited for another's load. */
  coalesced(callers: number, scope: Scope): void {
    this.#metrics.coalesced[scope].count += callers
  }

  /** Begins a measurement, which `ended` ends. */
  start(): Milliseconds {
    this.#metrics.resolve()
    return this.#metrics.isMeasuring || operations.hasSubscribers ? this.#clock.precise() : UNMEASURED
  }

  /**
   * An operation has ended, for all who asked for it: an observation each, and each way it failed once for each.
   *
   * @param at when; now unless given
   */
  ended(
    operation: Operation,
    starts: readonly Milliseconds[],
    failures: Iterable<Failure> = NONE,
    at?: Milliseconds,
  ): void {
    if (starts.length === 1) {
      this.#endedOne(operation, starts[0] as Milliseconds, failures, at)
      return
    }
    for (const failure of failures) this.failed(operation, failure, starts.length)
    const measured = starts.filter((started) => started !== UNMEASURED)
    if (measured.length === 0) return
    const now = at ?? this.#clock.precise()
    const durations = measured.map((started) => now - started)
    this.#metrics.measured(operation, durations)
    if (operations.hasSubscribers) for (const duration of durations) this.#publish(operation, duration, failures)
  }

  /** As `ended`, for one who asked, and without what only many need: most hits in Redis end here. */
  endedOne(operation: Operation, started: Milliseconds, failure: Failure | undefined): void {
    this.#endedOne(operation, started, failure === undefined ? NONE : [failure])
  }

  #endedOne(operation: Operation, started: Milliseconds, failures: Iterable<Failure>, at?: Milliseconds): void {
    if (failures !== NONE) for (const failure of failures) this.failed(operation, failure)
    if (started === UNMEASURED) return
    const duration = (at ?? this.#clock.precise()) - started
    this.#metrics.measuredOne(operation, duration)
    if (operations.hasSubscribers) this.#publish(operation, duration, failures)
  }

  /** Counts an operation that failed, or was not tried. */
  failed(operation: Operation, failure: Failure, times: number = 1): void {
    const cell = failure === 'skipped' ? this.#metrics.skipped(operation) : this.#metrics.error(operation, failure)
    cell.count += times
  }

  /** Runs a call that leaves memory, in a span of its own where its caller is traced. */
  call<T>(
    operation: SpanOperation,
    keys: readonly string[],
    run: (span: CallSpan | undefined) => Promise<T>,
  ): Promise<T> {
    return this.#spans.call(operation, keys, run)
  }

  /** The trace of what goes on behind its caller's back. */
  background(keys: readonly string[]): Background {
    return this.#spans.background(keys)
  }

  /** Whether a call made here and now gets a span. */
  get isTraced(): boolean {
    return this.#spans.isTraced
  }

  /** What was counted so far. */
  get counts(): Counts {
    const { memory, redis } = this.#metrics.hits
    return { hits: { memory: memory.count, redis: redis.count }, ...this.#metrics.totals }
  }

  /** Tells what was counted since the last collection, and lets go of the provider. */
  close(): void {
    this.#clock.onTurn = undefined
    this.#metrics.close()
  }

  #publish(operation: Operation, duration: Milliseconds, failures: Iterable<Failure>): void {
    const errors: ErrorType[] = []
    let skipped = false
    for (const failure of failures) {
      if (failure === 'skipped') skipped = true
      else errors.push(failure)
    }
    const event: OperationEvent = { cache: this.#name, operation, duration, errors, skipped }
    operations.publish(event)
  }

  /** A loader has run. */
  loaded(result: LoadResult, duration: Milliseconds, keys: readonly string[]): void {
    this.#metrics.loaded(result, duration)
    if (!loads.hasSubscribers) return
    const event: LoadEvent = { cache: this.#name, keys, result, duration }
    loads.publish(event)
  }
}
