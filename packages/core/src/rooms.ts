import { diag } from '@opentelemetry/api'
import type { Clock } from './clock.js'
import type { MemoryEntry } from './entry.js'
import type { Environment } from './environment.js'
import { CacheClosedError } from './errors.js'
import { Flights } from './flight/flights.js'
import { InProgress } from './flight/in-progress.js'
import { LoadQueue } from './flight/load-queue.js'
import { type Generation, Generations } from './generations.js'
import { RedisKeys } from './keys.js'
import type { Span } from './lifetime.js'
import { Backoffs } from './loader/backoffs.js'
import { Memory } from './memory/memory.js'
import type { ResolvedOptions } from './options.js'
import { Packing } from './packing/packing.js'
import type { Place } from './place.js'
import { Budget } from './redis/budget.js'
import { clientPrefix, RedisTier } from './redis/redis.js'
import { Telemetry } from './telemetry/telemetry.js'
import type { Milliseconds } from './types.js'
import { byteLength, type Encoded, type HeldValue, Values } from './values.js'

/** A value on its way into memory. */
export interface ValueToHold {
  readonly held: HeldValue
  readonly encoded: Encoded
  /** As it is stored. */
  readonly form: { readonly span: Span; readonly loadDuration: Milliseconds; readonly tags: readonly string[] }
  /** What is known of it. Instants are on this process's clock. */
  readonly proof: {
    readonly storedAt: Milliseconds
    readonly freshUntil: Milliseconds
    /** When Redis was asked. */
    readonly sentAt: Milliseconds
    /** Of the invalidation channel at that time. */
    readonly epoch: number
    readonly generations: readonly Generation[]
  }
  readonly awaitsEcho?: boolean
}

/** The rooms of one cache. They do not know each other: the read path and the write path go from one to the next. */
export class Rooms {
  readonly options: ResolvedOptions
  readonly clock: Clock
  readonly random: () => number
  readonly values: Values
  readonly generations: Generations = new Generations(() => this.memory?.clear())
  /** Undefined where values go to Redis as their codec made them. */
  readonly packing: Packing | undefined
  readonly memory: Memory | undefined
  readonly redis: RedisTier | undefined
  readonly flights: Flights
  readonly inProgress: InProgress = new InProgress()
  readonly loadQueue: LoadQueue
  readonly backoffs: Backoffs
  readonly telemetry: Telemetry
  closed = false
  /** Has what memory doubts verified in Redis. */
  verify: (id: string) => void = () => {}

  constructor(options: ResolvedOptions, environment: Environment) {
    const { clock, random } = environment
    this.options = options
    this.clock = clock
    this.random = random
    this.loadQueue = new LoadQueue(options.maxConcurrentLoads)
    this.backoffs = new Backoffs(clock)
    this.flights = new Flights(clock)
    this.values = new Values(options.codec, options.values)
    const keys = new RedisKeys(options.keyPrefix, options.version)
    const { redisTimeout, maxStaleness } = options
    if (options.redis && (options.compression || options.encryption)) {
      const prefix = clientPrefix(options.redis)
      this.packing = new Packing(options, ({ path, key }) => prefix + keys.value(path, key))
    }
    this.redis =
      options.redis &&
      new RedisTier(options.redis, keys, this.generations, environment, redisTimeout, maxStaleness, {
        changed: ({ id }) => {
          this.inProgress.hear(id)
          this.memory?.invalidate(id)
        },
        flushed: () => {
          this.inProgress.hearAll()
          this.memory?.clear()
        },
      })
    const coherence = this.redis?.coherence
    this.memory =
      options.memory &&
      new Memory(
        options.memory,
        coherence && {
          believedUntil: (epoch) => coherence.believedUntil(epoch),
          verify: (id) => this.verify(id),
        },
      )
    this.telemetry = new Telemetry(options, clock, { memory: () => this.memory, redis: () => this.redis })
  }

  /** What memory holds of a value: believed for `maxStaleness` in front of Redis, and for its lifetime without. */
  entryOf(place: Place, value: ValueToHold): MemoryEntry {
    const { storedAt, freshUntil, sentAt, epoch, generations } = value.proof
    const { span, loadDuration, tags } = value.form
    const { staleWhileRevalidate, staleIfError } = span
    const { maxStaleness, earlyRefresh } = this.options
    const believedUntil = this.redis === undefined ? Number.POSITIVE_INFINITY : sentAt + maxStaleness
    const isPlain =
      generations.length === 1 && staleWhileRevalidate === 0 && staleIfError === 0 && earlyRefresh === undefined
    return {
      held: value.held,
      storedAt,
      freshUntil,
      epoch,
      usableUntil: Math.min(freshUntil, believedUntil),
      awaitsEcho: value.awaitsEcho ?? false,
      bytes: byteLength(value.encoded) + byteLength(place.key),
      extras: isPlain
        ? undefined
        : { staleWhileRevalidate, staleIfError, loadDuration, believedUntil, tags, generations },
    }
  }

  /** Fills memory, unless what the entry belongs to has ended. */
  remember(place: Place, entry: MemoryEntry, generations: readonly Generation[]): void {
    if (!this.closed && !generations.some((one) => one.ended)) this.memory?.set(place.id, entry)
  }

  /** The promise of something that goes on behind a caller's back. */
  behind(background: Promise<unknown>): void {
    const failed = (error: unknown): void =>
      diag.error('otel-cache: waitUntil failed [OTEL_CACHE_WAIT_UNTIL_FAILED]', error)
    try {
      // Its type says that it returns nothing; an async one returns a promise all the same.
      Promise.resolve(this.options.waitUntil?.(background)).catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  /** One call's patience with Redis. */
  newBudget(limit: Milliseconds = Number.POSITIVE_INFINITY): Budget {
    return new Budget(Math.min(this.options.redisTimeout, limit), this.clock)
  }

  /** Throws CacheClosedError. */
  assertOpen(): void {
    if (this.closed) throw new CacheClosedError(this.options.name)
  }
}
