import { randomBytes } from 'node:crypto'
import { type Clock, TurnClock } from './clock.js'
import { CacheClosedError } from './errors.js'
import { Flights } from './flight/flights.js'
import { InProgress } from './flight/in-progress.js'
import { Generations } from './generations.js'
import { RedisKeys } from './keys.js'
import { Memory } from './memory/memory.js'
import type { ResolvedOptions } from './options.js'
import { RedisTier } from './redis/redis.js'
import { Telemetry } from './telemetry/telemetry.js'
import { Values } from './values.js'

/** Time and randomness, injected: tests never sleep, and a whole fleet can be simulated. */
export interface Environment {
  readonly clock: Clock
  /** From 0 up to, not including, 1. */
  random(): number
  /** A new id that no process ever makes again. */
  newId(): string
}

const ID_BYTES = 9

export function processEnvironment(): Environment {
  return { clock: new TurnClock(), random: Math.random, newId: () => randomBytes(ID_BYTES).toString('base64url') }
}

/** The rooms of one cache. They do not know each other: the read path and the write path go from one to the next. */
export class Rooms {
  readonly options: ResolvedOptions
  readonly clock: Clock
  readonly random: () => number
  readonly values: Values
  readonly generations: Generations = new Generations(() => this.memory?.clear())
  readonly memory: Memory | undefined
  readonly redis: RedisTier | undefined
  readonly flights: Flights = new Flights()
  readonly inProgress: InProgress = new InProgress()
  readonly telemetry: Telemetry
  closed = false

  constructor(options: ResolvedOptions, environment: Environment) {
    const { clock, random, newId } = environment
    this.options = options
    this.clock = clock
    this.random = random
    this.values = new Values(options.codec, options.values)
    this.memory = options.memory && new Memory(options.memory)
    const keys = new RedisKeys(options.keyPrefix, options.version)
    this.redis = options.redis && new RedisTier(options.redis, keys, this.generations, clock, newId)
    const tiers = { memory: this.memory !== undefined, redis: this.redis !== undefined }
    this.telemetry = new Telemetry({ ...options, tiers }, clock, () => this.memory?.entries ?? 0)
  }

  /** Throws CacheClosedError. */
  assertOpen(): void {
    if (this.closed) throw new CacheClosedError(this.options.name)
  }
}
