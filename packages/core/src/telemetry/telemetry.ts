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
import type { Clock } from '../clock.js'
import {
  type CircuitState,
  type ErrorType,
  type Failure,
  MISS_REASONS,
  type MissReason,
  type Operation,
  type Outcome,
  type Tier,
} from '../outcome.js'
import type { Milliseconds } from '../types.js'
import { VERSION } from '../version.js'
import { type Cell, FlushedCounter } from './counter.js'
import { guarded } from './guarded.js'
import {
  ATTRIBUTE,
  CIRCUIT_STATE,
  DURATION_SECONDS,
  ERRORS,
  HITS,
  type InstrumentSpec,
  LATENCY_MS,
  MEMORY_ENTRIES,
  METER_NAME,
  MISSES,
  SKIPPED,
  UNCONFIRMED,
} from './names.js'

export interface TelemetryOptions {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly histograms: 'both' | 'seconds' | 'ms'
  readonly timeMemoryHits: boolean
  readonly meterProvider: MeterProvider | undefined
  /** Which tiers are in use. */
  readonly tiers: Readonly<Record<Tier, boolean>>
}

/** Errors whose series begin at 0, so that a rate over them answers from the first failure on. */
const COMMON_ERRORS: ReadonlyArray<readonly [Operation, ErrorType]> = [
  ...(['get', 'set', 'delete', 'clear'] as const).flatMap((operation) => [
    [operation, 'timeout'] as const,
    [operation, 'connection'] as const,
  ]),
  ['get', 'undecodable'],
]

/** What is told as it is at the moment of a collection; undefined for what this cache does not have. */
export interface Gauges {
  memoryEntries(): number | undefined
  circuit(): CircuitState | undefined
  /** Deletes waiting to be replayed. */
  unconfirmed(): number | undefined
}

const CIRCUIT_STATES: Readonly<Record<CircuitState, number>> = { closed: 0, 'half-open': 1, open: 2 }
const SKIPPABLE: readonly Operation[] = ['get', 'set', 'delete', 'clear']

/** What a caller gets for a start time while nobody measures. */
const UNMEASURED = -1

/** The instruments of one meter provider. */
interface Instruments {
  readonly histograms: ReadonlyArray<{ readonly instrument: Histogram; readonly unitsPerMs: number }>
  readonly gauges: ReadonlyArray<{ readonly instrument: Observable; readonly read: () => number | undefined }>
  /** Takes the callback of the collections back. */
  detach(): void
}

/**
 * Derives every signal from outcomes: the one place that counts. Nothing here throws into a caller.
 *
 * Instruments made before an SDK is registered would stay no-ops for ever. So they are made once there is a real
 * provider, and made again when another replaces it: what was counted before is told to the first real one.
 */
export class Telemetry {
  readonly #options: TelemetryOptions
  readonly #clock: Clock
  readonly #gauges: Gauges
  readonly #base: Attributes
  readonly #hits = new FlushedCounter()
  readonly #misses = new FlushedCounter()
  readonly #errors = new FlushedCounter()
  readonly #skipped = new FlushedCounter()
  readonly #hitCells: Readonly<Record<Tier, Cell>>
  readonly #missCells: Partial<Record<MissReason, Cell>> = {}
  readonly #errorCells = new Map<string, Cell>()
  readonly #skippedCells: Partial<Record<Operation, Cell>> = {}
  readonly #operations = new Map<Operation, Attributes>()
  /** Hits that were stale. */
  stale = 0
  #provider: MeterProvider | undefined
  #instruments: Instruments | undefined
  #closed = false

  constructor(options: TelemetryOptions, clock: Clock, gauges: Gauges) {
    this.#options = options
    this.#clock = clock
    this.#gauges = gauges
    this.#base = { ...options.attributes, [ATTRIBUTE.cache]: options.name }
    const { memory, redis } = options.tiers
    this.#hitCells = {
      memory: memory ? this.#hitCell('memory') : unreported(),
      redis: redis ? this.#hitCell('redis') : unreported(),
    }
    for (const reason of redis ? MISS_REASONS : (['absent', 'expired'] as const)) this.#missCell(reason)
    for (const [operation, type] of redis ? COMMON_ERRORS : ([['get', 'other']] as const)) {
      this.#errorCell(operation, type)
    }
    if (redis) for (const operation of SKIPPABLE) this.#skippedCell(operation)
    this.resolve()
    clock.onTurn = () => this.resolve()
  }

  /** The cell of the hottest path, which increments it and is done. */
  get memoryHits(): Cell {
    return this.#hitCells.memory
  }

  /** Counts one key of one lookup, for so many callers. */
  lookedUp(outcome: Outcome, times: number = 1): void {
    const cell = outcome.result === 'hit' ? this.#hitCells[outcome.tier] : this.#missCell(outcome.reason)
    cell.count += times
    if (outcome.result === 'hit' && outcome.stale !== undefined) this.stale += times
  }

  /** Counts an operation that failed, or was not tried. */
  failed(operation: Operation, failure: Failure, times: number = 1): void {
    const cell = failure === 'skipped' ? this.#skippedCell(operation) : this.#errorCell(operation, failure)
    cell.count += times
  }

  /** Begins a measurement, which `timed` ends. */
  start(): Milliseconds {
    this.resolve()
    return this.#instruments === undefined ? UNMEASURED : this.#clock.precise()
  }

  timed(operation: Operation, started: Milliseconds): void {
    if (started !== UNMEASURED) this.timedAll(operation, [started])
  }

  /** Measurements that end at the same time. */
  timedAll(operation: Operation, starts: readonly Milliseconds[]): void {
    if (this.#instruments === undefined) return
    const { histograms } = this.#instruments
    const now = this.#clock.precise()
    const attributes = this.#operationAttributes(operation)
    guarded(() => {
      for (const started of starts) {
        if (started === UNMEASURED) continue
        for (const { instrument, unitsPerMs } of histograms) instrument.record((now - started) * unitsPerMs, attributes)
      }
    })
  }

  get counts(): { hits: Record<Tier, number>; misses: number; errors: number } {
    return {
      hits: { memory: this.#hitCells.memory.count, redis: this.#hitCells.redis.count },
      misses: this.#misses.total,
      errors: this.#errors.total,
    }
  }

  /** Looks whether there is a meter provider, or another one. Called once per turn in which the cache is used. */
  resolve(): void {
    if (this.#closed) return
    guarded(() => {
      const provider = this.#options.meterProvider ?? metrics.getMeterProvider()
      if (provider === this.#provider) return
      this.#provider = provider
      this.#detach()
      const meter = provider.getMeter(METER_NAME, VERSION)
      if (meter !== createNoopMeter()) this.#attach(meter)
    })
  }

  /** Tells what was counted since the last collection, and lets go of the provider. */
  close(): void {
    this.#closed = true
    this.#clock.onTurn = undefined
    this.#detach()
  }

  #attach(meter: Meter): void {
    const { histograms } = this.#options
    const counter = (spec: InstrumentSpec): Counter => meter.createCounter(spec.name, spec)
    const histogram = (spec: InstrumentSpec): Histogram => meter.createHistogram(spec.name, spec)
    const gauge = (spec: InstrumentSpec): Observable => meter.createObservableGauge(spec.name, spec)
    const gauges = [
      { instrument: gauge(MEMORY_ENTRIES), read: () => this.#gauges.memoryEntries() },
      { instrument: gauge(CIRCUIT_STATE), read: () => circuitState(this.#gauges.circuit()) },
      { instrument: gauge(UNCONFIRMED), read: () => this.#gauges.unconfirmed() },
    ]
    const observables = gauges.map(({ instrument }) => instrument)
    const instruments: Instruments = {
      histograms: [
        ...(histograms === 'seconds' ? [] : [{ instrument: histogram(LATENCY_MS), unitsPerMs: 1 }]),
        ...(histograms === 'ms' ? [] : [{ instrument: histogram(DURATION_SECONDS), unitsPerMs: 0.001 }]),
      ],
      gauges,
      detach: () => meter.removeBatchObservableCallback(this.#collect, observables),
    }
    this.#hits.attach(counter(HITS))
    this.#misses.attach(counter(MISSES))
    this.#errors.attach(counter(ERRORS))
    this.#skipped.attach(counter(SKIPPED))
    meter.addBatchObservableCallback(this.#collect, observables)
    this.#instruments = instruments
  }

  #detach(): void {
    guarded(() => this.#instruments?.detach())
    this.#instruments = undefined
    for (const counter of this.#counters()) counter.detach()
  }

  /** Runs at each collection, and synchronously: what it adds to the counters lands in the same collection. */
  readonly #collect = (result: BatchObservableResult): void => {
    for (const counter of this.#counters()) counter.flush()
    for (const { instrument, read } of this.#instruments?.gauges ?? []) {
      const value = read()
      if (value !== undefined) result.observe(instrument, value, this.#base)
    }
  }

  #counters(): readonly FlushedCounter[] {
    return [this.#hits, this.#misses, this.#errors, this.#skipped]
  }

  #hitCell(tier: Tier): Cell {
    return this.#hits.cell({ ...this.#base, [ATTRIBUTE.tier]: tier })
  }

  #missCell(reason: MissReason): Cell {
    this.#missCells[reason] ??= this.#misses.cell({ ...this.#base, [ATTRIBUTE.reason]: reason })
    return this.#missCells[reason]
  }

  #errorCell(operation: Operation, type: ErrorType): Cell {
    const name = `${operation} ${type}`
    let cell = this.#errorCells.get(name)
    if (cell === undefined) {
      cell = this.#errors.cell({
        ...this.#base,
        [ATTRIBUTE.operation]: operation,
        [ATTRIBUTE.errorType]: type,
      })
      this.#errorCells.set(name, cell)
    }
    return cell
  }

  #skippedCell(operation: Operation): Cell {
    this.#skippedCells[operation] ??= this.#skipped.cell({ ...this.#base, [ATTRIBUTE.operation]: operation })
    return this.#skippedCells[operation]
  }

  #operationAttributes(operation: Operation): Attributes {
    let attributes = this.#operations.get(operation)
    if (attributes === undefined) {
      attributes = { ...this.#base, [ATTRIBUTE.operation]: operation }
      this.#operations.set(operation, attributes)
    }
    return attributes
  }
}

function circuitState(state: CircuitState | undefined): number | undefined {
  return state && CIRCUIT_STATES[state]
}

/** The cell of a tier that is not in use: it has no series. */
function unreported(): Cell {
  return { attributes: {}, count: 0, flushed: 0 }
}
