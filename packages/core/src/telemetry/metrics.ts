import {
  type Attributes,
  type BatchObservableResult,
  type Counter,
  createNoopMeter,
  type Histogram,
  type Meter,
  type MeterProvider,
  metrics,
  type Observable,
} from '@opentelemetry/api'
import {
  type CircuitState,
  type ErrorType,
  MISS_REASONS,
  type MissReason,
  type Operation,
  STALE_REASONS,
  type StaleReason,
  type Tier,
} from '../outcome.js'
import type { Milliseconds } from '../types.js'
import { VERSION } from '../version.js'
import { type Cell, FlushedCounter } from './counter.js'
import { keepExemplar, sampledSpan } from './exemplars.js'
import { guarded, tellFailure } from './guarded.js'
import {
  ATTRIBUTE,
  BYPASSED,
  BYTES,
  CIRCUIT_STATE,
  COALESCED,
  DURATION_SECONDS,
  ERRORS,
  EVICTIONS,
  HITS,
  INVALIDATIONS,
  type InstrumentSpec,
  LATENCY_MS,
  LOAD_DURATION_SECONDS,
  MEMORY_BYTES,
  MEMORY_ENTRIES,
  MISSES,
  PROOF_AGE,
  SCOPE_NAME,
  SKIPPED,
  STALE,
  UNCONFIRMED,
} from './names.js'

export interface MetricsOptions {
  /** Of the cache. */
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly histograms: 'both' | 'seconds' | 'ms'
  readonly meterProvider: MeterProvider | undefined
}

/** What the tiers know of themselves and is looked at when metrics are collected; undefined for a tier not in use. */
export interface Tiers {
  memory():
    | {
        readonly entries: number
        readonly bytes: number
        readonly evictions: Readonly<Record<EvictionReason, number>>
        readonly bypassed: number
      }
    | undefined
  redis():
    | {
        readonly circuit: CircuitState
        /** Deletes waiting to be replayed. */
        readonly unconfirmed: number
        readonly moved: Readonly<Record<Direction, number>>
        /** Keys that the invalidation channel named. */
        readonly invalidations: number
        /** The invalidation channel. */
        readonly coherence: {
          readonly age: Milliseconds
          readonly failures: Readonly<Partial<Record<ErrorType, number>>>
        }
      }
    | undefined
}

export interface Totals {
  readonly misses: number
  readonly errors: number
  readonly stale: number
  readonly coalesced: number
  readonly evictions: number
}

type EvictionReason = 'size' | 'expired' | 'invalidated'
/** Where the load ran that a caller waited for. */
export type Scope = 'process' | 'fleet'
type Direction = 'read' | 'written'
export type LoadResult = 'success' | 'error' | 'timeout'

/** Errors whose series begin at 0, so that a rate over them answers from the first failure on. */
const COMMON_ERRORS: ReadonlyArray<readonly [Operation, ErrorType]> = [
  ...(['get', 'set', 'delete', 'clear'] as const).flatMap((operation) => [
    [operation, 'timeout'] as const,
    [operation, 'connection'] as const,
  ]),
  ['get', 'undecodable'],
  ['lease', 'timeout'],
  ['channel', 'timeout'],
  ['channel', 'connection'],
]
const SKIPPABLE: readonly Operation[] = ['get', 'set', 'delete', 'clear']
const CIRCUIT_STATES: Readonly<Record<CircuitState, number>> = { closed: 0, 'half-open': 1, open: 2 }

/**
 * The caches of a process that report the same series: of one provider and one name. A gauge is the last observation, so
 * each of them tells what all have.
 */
const alike = new WeakMap<MeterProvider, Map<string, Set<Metrics>>>()

/** One of the two of the same measurement. */
interface OperationHistogram {
  readonly spec: InstrumentSpec
  readonly instrument: Histogram
  readonly unitsPerMs: number
}

/** The instruments of one meter provider. */
interface Instruments {
  readonly operations: readonly OperationHistogram[]
  readonly loads: Histogram
  readonly gauges: readonly Gauge[]
  /** Takes the callback of the collections back. */
  detach(): void
}

/**
 * Instruments made before an SDK is registered would stay no-ops for ever. So they are made once there is a real
 * provider, and made again when another replaces it: what was counted before is told to the first real one.
 */
export class Metrics {
  readonly #options: MetricsOptions
  readonly #tiers: Tiers
  readonly #base: Attributes
  readonly #hits = new FlushedCounter()
  readonly #misses = new FlushedCounter()
  readonly #errors = new FlushedCounter()
  readonly #coalesced = new FlushedCounter()
  readonly #stale = new FlushedCounter()
  readonly #evictions = new FlushedCounter()
  readonly #bytes = new FlushedCounter()
  readonly #skipped = new FlushedCounter()
  readonly #invalidations = new FlushedCounter()
  readonly #bypassed = new FlushedCounter()
  readonly #counters: ReadonlyArray<readonly [FlushedCounter, InstrumentSpec]> = [
    [this.#hits, HITS],
    [this.#misses, MISSES],
    [this.#errors, ERRORS],
    [this.#coalesced, COALESCED],
    [this.#stale, STALE],
    [this.#evictions, EVICTIONS],
    [this.#bytes, BYTES],
    [this.#skipped, SKIPPED],
    [this.#invalidations, INVALIDATIONS],
    [this.#bypassed, BYPASSED],
  ]
  readonly hits: Readonly<Record<Tier, Cell>>
  readonly coalesced: Readonly<Record<Scope, Cell>>
  readonly #operations = new Map<Operation, Attributes>()
  readonly #loads = new Map<LoadResult, Attributes>()
  #provider: MeterProvider | undefined
  #instruments: Instruments | undefined
  #closed = false
  /** Takes it out of those that report the same series. */
  #leave: () => void = () => {}

  constructor(options: MetricsOptions, tiers: Tiers) {
    this.#options = options
    this.#tiers = tiers
    this.#base = { ...options.attributes, [ATTRIBUTE.cache]: options.name }
    const hasMemory = tiers.memory() !== undefined
    const hasRedis = tiers.redis() !== undefined
    this.hits = {
      memory: hasMemory ? this.#cell(this.#hits, ATTRIBUTE.tier, 'memory') : unreported(),
      redis: hasRedis ? this.#cell(this.#hits, ATTRIBUTE.tier, 'redis') : unreported(),
    }
    this.coalesced = {
      process: this.#cell(this.#coalesced, ATTRIBUTE.scope, 'process'),
      fleet: hasRedis ? this.#cell(this.#coalesced, ATTRIBUTE.scope, 'fleet') : unreported(),
    }
    for (const reason of hasRedis ? MISS_REASONS : (['absent', 'expired'] as const)) this.miss(reason)
    for (const reason of STALE_REASONS) if (hasRedis || reason !== 'unavailable') this.stale(reason)
    for (const [operation, type] of hasRedis ? COMMON_ERRORS : ([['get', 'other']] as const)) {
      this.error(operation, type)
    }
    if (hasRedis) for (const operation of SKIPPABLE) this.skipped(operation)
    this.#pull()
    this.resolve()
  }

  /** Whether there is somebody to measure for. */
  get isMeasuring(): boolean {
    return this.#instruments !== undefined
  }

  miss(reason: MissReason): Cell {
    return this.#cell(this.#misses, ATTRIBUTE.reason, reason)
  }

  stale(reason: StaleReason): Cell {
    return this.#cell(this.#stale, ATTRIBUTE.reason, reason)
  }

  error(operation: Operation, type: ErrorType): Cell {
    return this.#errors.cell(`${operation} ${type}`, () => ({
      ...this.#base,
      [ATTRIBUTE.operation]: operation,
      [ATTRIBUTE.errorType]: type,
    }))
  }

  skipped(operation: Operation): Cell {
    return this.#cell(this.#skipped, ATTRIBUTE.operation, operation)
  }

  get totals(): Totals {
    this.#pull()
    return {
      misses: this.#misses.total,
      errors: this.#errors.total,
      stale: this.#stale.total,
      coalesced: this.#coalesced.total,
      evictions: this.#evictions.total,
    }
  }

  /** Durations of one operation that was asked for many times. */
  measured(operation: Operation, durations: readonly Milliseconds[]): void {
    for (const duration of durations) this.measuredOne(operation, duration)
  }

  /** The duration of one operation. */
  measuredOne(operation: Operation, duration: Milliseconds): void {
    if (this.#instruments === undefined) return
    const { operations } = this.#instruments
    const attributes = this.#attributes(this.#operations, ATTRIBUTE.operation, operation)
    // Not `guarded`, and no iterators: this is what telemetry adds to each operation.
    try {
      const span = sampledSpan()
      for (let index = 0; index < operations.length; index++) {
        const { spec, instrument, unitsPerMs } = operations[index] as OperationHistogram
        instrument.record(duration * unitsPerMs, attributes)
        if (span !== undefined) keepExemplar(span, spec, duration * unitsPerMs, attributes)
      }
    } catch (error) {
      tellFailure(error)
    }
  }

  loaded(result: LoadResult, duration: Milliseconds): void {
    const attributes = this.#attributes(this.#loads, ATTRIBUTE.result, result)
    guarded(() => {
      if (this.#instruments === undefined) return
      this.#instruments.loads.record(duration / 1_000, attributes)
      const span = sampledSpan()
      if (span !== undefined) keepExemplar(span, LOAD_DURATION_SECONDS, duration / 1_000, attributes)
    })
  }

  /** Looks whether there is a meter provider, or another one. Called once per turn in which the cache is used. */
  resolve(): void {
    if (this.#closed) return
    const provider = this.#options.meterProvider ?? metrics.getMeterProvider()
    if (provider === this.#provider) return
    guarded(() => {
      this.#provider = provider
      this.#detach()
      const meter = provider.getMeter(SCOPE_NAME, VERSION)
      if (meter !== createNoopMeter()) this.#attach(meter)
    })
  }

  /** Tells what was counted since the last collection, and lets go of the provider. */
  close(): void {
    this.#closed = true
    this.#detach()
  }

  #attach(meter: Meter): void {
    const { histograms } = this.#options
    const counter = (spec: InstrumentSpec): Counter => meter.createCounter(spec.name, spec)
    const histogram = (spec: InstrumentSpec): Histogram => meter.createHistogram(spec.name, spec)
    const gauge = (spec: InstrumentSpec): Observable => meter.createObservableGauge(spec.name, spec)
    const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)
    const worst = (values: readonly number[]): number => Math.max(...values)
    const gauges: readonly Gauge[] = [
      { instrument: gauge(MEMORY_ENTRIES), read: ({ memory }) => memory()?.entries, together: sum },
      { instrument: gauge(MEMORY_BYTES), read: ({ memory }) => memory()?.bytes, together: sum },
      { instrument: gauge(CIRCUIT_STATE), read: ({ redis }) => circuitState(redis()?.circuit), together: worst },
      { instrument: gauge(UNCONFIRMED), read: ({ redis }) => redis()?.unconfirmed, together: sum },
      { instrument: gauge(PROOF_AGE), read: proofAge, together: worst },
    ]
    const observables = gauges.map(({ instrument }) => instrument)
    const instruments: Instruments = {
      operations: [
        ...(histograms === 'seconds' ? [] : [{ spec: LATENCY_MS, instrument: histogram(LATENCY_MS), unitsPerMs: 1 }]),
        ...(histograms === 'ms'
          ? []
          : [{ spec: DURATION_SECONDS, instrument: histogram(DURATION_SECONDS), unitsPerMs: 0.001 }]),
      ],
      loads: histogram(LOAD_DURATION_SECONDS),
      gauges,
      detach: () => meter.removeBatchObservableCallback(this.#collect, observables),
    }
    this.#pull()
    for (const [one, spec] of this.#counters) one.attach(counter(spec))
    meter.addBatchObservableCallback(this.#collect, observables)
    this.#instruments = instruments
    const those = this.#alike()
    those.add(this)
    this.#leave = () => those.delete(this)
  }

  /** Those that report the same series, this one included. */
  #alike(): Set<Metrics> {
    const provider = this.#provider as MeterProvider
    const ofProvider = alike.get(provider) ?? new Map<string, Set<Metrics>>()
    alike.set(provider, ofProvider)
    const series = JSON.stringify(Object.entries(this.#base).sort())
    const those = ofProvider.get(series) ?? new Set()
    ofProvider.set(series, those)
    return those
  }

  #detach(): void {
    this.#pull()
    guarded(() => this.#instruments?.detach())
    this.#instruments = undefined
    this.#leave()
    this.#leave = () => {}
    for (const [counter] of this.#counters) counter.detach()
  }

  /** Runs at each collection, and synchronously: what it adds to the counters lands in the same collection. */
  readonly #collect = (result: BatchObservableResult): void => {
    this.#pull()
    for (const [counter] of this.#counters) counter.flush()
    const those = [...this.#alike()]
    for (const { instrument, read, together } of this.#instruments?.gauges ?? []) {
      const values = those.map((one) => read(one.#tiers)).filter((value) => value !== undefined)
      if (values.length > 0) result.observe(instrument, together(values), this.#base)
    }
  }

  /** What the tiers count themselves. */
  #pull(): void {
    const memory = this.#tiers.memory()
    for (const [reason, count] of Object.entries(memory?.evictions ?? {})) {
      this.#cell(this.#evictions, ATTRIBUTE.reason, reason).count = count
    }
    const redis = this.#tiers.redis()
    for (const [direction, count] of Object.entries(redis?.moved ?? {})) {
      this.#cell(this.#bytes, ATTRIBUTE.direction, direction).count = count
    }
    for (const [type, count] of Object.entries(redis?.coherence.failures ?? {})) {
      this.error('channel', type as ErrorType).count = count
    }
    if (redis !== undefined) this.#invalidations.cell('', () => this.#base).count = redis.invalidations
    if (redis !== undefined && memory !== undefined) this.#bypassed.cell('', () => this.#base).count = memory.bypassed
  }

  #cell(counter: FlushedCounter, attribute: string, value: string): Cell {
    return counter.cell(value, () => ({ ...this.#base, [attribute]: value }))
  }

  #attributes<T extends string>(known: Map<T, Attributes>, name: string, value: T): Attributes {
    let attributes = known.get(value)
    if (attributes === undefined) {
      attributes = { ...this.#base, [name]: value }
      known.set(value, attributes)
    }
    return attributes
  }
}

/** One gauge, and what several caches of one name have of it together. */
interface Gauge {
  readonly instrument: Observable
  read(tiers: Tiers): number | undefined
  together(values: readonly number[]): number
}

/** In seconds; there is nothing to prove without memory. */
function proofAge({ memory, redis }: Tiers): number | undefined {
  const age = memory() && redis()?.coherence.age
  return age === undefined ? undefined : age / 1_000
}

function circuitState(state: CircuitState | undefined): number | undefined {
  return state && CIRCUIT_STATES[state]
}

/** The cell of a tier that is not in use: it has no series. */
function unreported(): Cell {
  return { attributes: {}, count: 0, flushed: 0 }
}
