import { setTimeout as pause } from 'node:timers/promises'
import type { Cache } from '../../src/index.js'

/** Nobody changes these: they show whether Redis still answers hits. */
const STEADY: readonly string[] = ['steady-0', 'steady-1', 'steady-2', 'steady-3']
const CHANGING: readonly string[] = Array.from({ length: 8 }, (_, index) => `changing-${index}`)
/** All that is read and changed. */
export const KEYS: readonly string[] = [...STEADY, ...CHANGING]
const CALLERS = 8
const BETWEEN_CALLS = 10

/** A value that tells for which key and when, in the order of all loads and changes, it was made. */
export interface Value {
  readonly key: string
  readonly born: number
}

export type Operation = 'get' | 'getOrSet' | 'set' | 'delete'
export type Result = 'cached' | 'loaded' | 'nothing' | 'confirmed' | 'unconfirmed' | 'rejected'

/** One call as its caller saw it. Instants are milliseconds of `performance.now()`. */
export interface Call {
  readonly operation: Operation
  readonly result: Result
  readonly began: number
  readonly ended: number
  /** Whether the breaker was closed when it began. */
  readonly wasClosed: boolean
}

/** What `stats()` said after a call. */
interface Sample {
  readonly at: number
  readonly redisHits: number
  readonly unconfirmed: number
  readonly isClosed: boolean
}

/**
 * A steady load of callers, and their record. It knows nothing of the cache but its API, and holds it to the truth: what
 * is read after a change has returned, whatever it returned, was made after the change began.
 */
export class Load {
  readonly calls: Call[] = []
  readonly samples: Sample[] = []
  /** What nobody may ever get. */
  readonly lies = new Set<string>()
  /** Reads of what a change that had returned before should have removed. */
  readonly contradictions: string[] = []
  /** By key the youngest change that has returned. */
  readonly changed = new Map<string, number>()
  readonly #cache: Cache
  #made = 0
  #callers: Array<Promise<void>> = []
  #isOver = false

  constructor(cache: Cache) {
    this.#cache = cache
  }

  start(): void {
    this.#callers = Array.from({ length: CALLERS }, (_, index) => this.#caller(index))
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#callers)
  }

  async #caller(index: number): Promise<void> {
    // Callers begin one after the other, and each goes its own way through operations and keys.
    await pause(index)
    for (let turn = index * 7; !this.#isOver; turn++) {
      const changing = CHANGING[(turn * 3 + index) % CHANGING.length] as string
      const steady = STEADY[turn % STEADY.length] as string
      const step = turn % 8
      if (step === 3) await this.#record('set', () => this.#set(changing))
      else if (step === 6) await this.#record('delete', () => this.#delete(changing))
      else if (step % 2 === 0) await this.#record('getOrSet', () => this.#getOrSet(step === 4 ? steady : changing))
      else await this.#record('get', () => this.#get(step === 5 ? steady : changing))
      await pause(BETWEEN_CALLS)
    }
  }

  async #record(operation: Operation, call: () => Promise<Result>): Promise<void> {
    const wasClosed = this.#cache.stats().circuit === 'closed'
    const began = performance.now()
    const result = await call().catch((error): Result => {
      this.lies.add(`${operation} rejected: ${error}`)
      return 'rejected'
    })
    const ended = performance.now()
    this.calls.push({ operation, result, began, ended, wasClosed })
    const { hits, unconfirmed, circuit } = this.#cache.stats()
    this.samples.push({ at: ended, redisHits: hits.redis, unconfirmed, isClosed: circuit === 'closed' })
  }

  async #get(key: string): Promise<Result> {
    const floor = this.changed.get(key) ?? 0
    const value = await this.#cache.get<Value>(key)
    if (value === undefined) return 'nothing'
    this.#judge('get', key, value, floor)
    return 'cached'
  }

  async #getOrSet(key: string): Promise<Result> {
    const floor = this.changed.get(key) ?? 0
    let hasLoaded = false
    // It takes no time: whatever a caller waits, it waits for Redis.
    const load = async (): Promise<Value> => {
      hasLoaded = true
      return this.#make(key)
    }
    this.#judge('getOrSet', key, await this.#cache.getOrSet(key, load), floor)
    return hasLoaded ? 'loaded' : 'cached'
  }

  #set(key: string): Promise<Result> {
    const value = this.#make(key)
    return this.#change(key, value.born, this.#cache.set(key, value))
  }

  #delete(key: string): Promise<Result> {
    return this.#change(key, this.#make(key).born, this.#cache.delete(key))
  }

  async #change(key: string, born: number, change: Promise<boolean>): Promise<Result> {
    const isConfirmed = await change
    this.changed.set(key, Math.max(born, this.changed.get(key) ?? 0))
    return isConfirmed ? 'confirmed' : 'unconfirmed'
  }

  #make(key: string): Value {
    this.#made += 1
    return { key, born: this.#made }
  }

  #judge(operation: Operation, key: string, value: Value, floor: number): void {
    if (value?.key !== key) this.lies.add(`${operation} of ${key} gave ${JSON.stringify(value)}`)
    else if (value.born < floor) this.contradictions.push(`${operation} of ${key}: ${value.born}, changed at ${floor}`)
  }
}
