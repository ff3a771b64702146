import type { Environment } from './environment.js'
import { InvalidOptionError, NotReadyError } from './errors.js'
import { checkKey, memoryId, pathSegment } from './keys.js'
import { checkDuration, checkOptionNames, checkTag, type ResolvedLifetime, resolveLifetime } from './lifetime.js'
import type { Memory } from './memory/memory.js'
import { NOWHERE } from './memory/table.js'
import { type ResolvedReadOptions, resolveOptions, resolveReadOptions } from './options.js'
import { type Candidate, HIT, isHit } from './outcome.js'
import { type Place, placeOf } from './place.js'
import { ReadPath } from './read.js'
import { Rooms } from './rooms.js'
import type {
  BatchLoader,
  Cache,
  CacheOptions,
  CacheStats,
  CacheView,
  Entry,
  Lifetime,
  Loader,
  LoadResult,
  Milliseconds,
  ReadOptions,
} from './types.js'
import type { HeldValue } from './values.js'
import { WritePath } from './write.js'

/** The paths and rooms that the views of one cache share. */
interface House {
  readonly rooms: Rooms
  readonly read: ReadPath
  readonly write: WritePath
}

/** `createCache` with time and randomness of the caller's. */
export function openCache(options: CacheOptions, environment: Environment): Cache {
  const rooms = new Rooms(resolveOptions(options), environment)
  const write = new WritePath(rooms)
  return new RootCache({ rooms, write, read: new ReadPath(rooms, write) })
}

const CLEAR_OPTIONS: ReadonlySet<string> = new Set(['purge'])
const READY_OPTIONS: ReadonlySet<string> = new Set(['timeout'])
const WRAP_OPTIONS: ReadonlySet<string> = new Set(['key'])
const READY_TIMEOUT = 10_000
const READY_PAUSE = 50

/** The door: it checks what comes in, answers from memory where it can, and hands the rest to the read or write path. */
class View implements CacheView {
  protected readonly house: House
  readonly #path: string
  readonly #lifetime: ResolvedLifetime
  readonly #readOptions: ResolvedReadOptions
  readonly #rooms: Rooms
  /** No option has anything to do with a hit. */
  readonly #isPlain: boolean

  constructor(house: House, path: string, lifetime: ResolvedLifetime) {
    this.house = house
    this.#rooms = house.rooms
    const { earlyRefresh, timeMemoryHits } = house.rooms.options
    this.#isPlain = earlyRefresh === undefined && !timeMemoryHits
    this.#path = path
    this.#lifetime = lifetime
    this.#readOptions = resolveReadOptions(undefined, house.rooms.options.read, lifetime)
  }

  get<V = unknown>(key: string): Promise<V | undefined> {
    const id = memoryId(this.#path, key)
    const slot = this.#isPlain ? this.#countedInMemory(id, key) : this.#inMemory(id, key)
    return (slot === NOWHERE ? this.#get(key) : this.#promised(slot)) as Promise<V | undefined>
  }

  getOrSet<V>(key: string, loader: Loader<V>, options?: ReadOptions): Promise<V> {
    if (options === undefined && this.#isPlain && typeof loader === 'function') {
      const id = memoryId(this.#path, key)
      const slot = this.#countedInMemory(id, key)
      const value = slot === NOWHERE ? this.#readThrough(id, key, loader as Loader<unknown>) : this.#promised(slot)
      return value as Promise<V>
    }
    return this.#getOrSet(key, loader as Loader<unknown>, options) as Promise<V>
  }

  async getMany<V = unknown>(keys: readonly string[]): Promise<Array<V | undefined>> {
    this.#checkList(keys)
    const rooms = this.#rooms
    const { memory, telemetry } = rooms
    const started = telemetry.start()
    const now = rooms.clock.now()
    const values = new Array<unknown>(keys.length)
    const missing: number[] = []
    // Most are hits, of keys that were checked when they were stored: no iterators, and nothing twice.
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string
      const slot = memory === undefined ? NOWHERE : memory.get(memoryId(this.#path, key), now)
      if (slot !== NOWHERE) {
        values[index] = this.#take(slot)
        continue
      }
      checkKey(key)
      missing.push(index)
    }
    telemetry.memoryHits.count += keys.length - missing.length
    if (telemetry.hasListeners) {
      const missed = new Set(missing)
      for (const [index, key] of keys.entries()) {
        if (!missed.has(index)) telemetry.tell(HIT.memory, { key, path: this.#path })
      }
    }
    if (missing.length > 0) {
      const found = await this.house.read.get(
        this.#path,
        missing.map((index) => keys[index] as string),
        this.#lifetime.tags,
      )
      for (const [position, index] of missing.entries()) values[index] = found[position]
    } else if (rooms.options.timeMemoryHits) {
      telemetry.ended('get', [started])
    }
    return values as Array<V | undefined>
  }

  async getOrSetMany<V>(
    keys: readonly string[],
    load: BatchLoader<V>,
    options?: ReadOptions,
  ): Promise<Array<V | undefined>> {
    if (typeof load !== 'function') throw new InvalidOptionError('load', 'a function', load)
    this.#checkList(keys)
    for (const key of keys) checkKey(key)
    const resolved = resolveReadOptions(options, this.#readOptions, this.#lifetime)
    resolved.signal?.throwIfAborted()
    const { rooms, read } = this.house
    const started = rooms.telemetry.start()
    const values = new Map<string, unknown>()
    const missing: Place[] = []
    const due: Place[] = []
    for (const key of new Set(keys)) {
      const place = placeOf(this.#path, key)
      const slot = resolved.refresh ? NOWHERE : this.#countedInMemory(place.id, key)
      if (slot === NOWHERE) {
        missing.push(place)
        continue
      }
      values.set(key, this.#take(slot))
      if (this.#isDue(slot)) due.push(place)
    }
    read.refreshEarlyMany(due, load as BatchLoader<unknown>, resolved)
    if (missing.length === 0 && rooms.options.timeMemoryHits) rooms.telemetry.ended('get', [started])
    const loaded = missing.length > 0 ? await read.getOrSetMany(missing, load as BatchLoader<unknown>, resolved) : []
    for (const [index, { key }] of missing.entries()) values.set(key, loaded[index])
    return keys.map((key) => values.get(key) as V | undefined)
  }

  async set(key: string, value: unknown, lifetime?: Lifetime): Promise<boolean> {
    return this.setMany([[key, value]], lifetime)
  }

  async setMany(entries: Iterable<readonly [key: string, value: unknown]>, lifetime?: Lifetime): Promise<boolean> {
    this.#rooms.assertOpen()
    const list = listOf(entries, 'entries', 'an iterable of [key, value] pairs')
    for (const entry of list) {
      if (!Array.isArray(entry)) throw new InvalidOptionError('entries', 'an iterable of [key, value] pairs', entry)
      checkKey(entry[0])
    }
    return this.house.write.set(this.#path, list, this.#resolveLifetime(lifetime))
  }

  async delete(key: string): Promise<boolean> {
    return this.deleteMany([key])
  }

  async deleteMany(keys: Iterable<string>): Promise<boolean> {
    this.#rooms.assertOpen()
    const list = listOf(keys, 'keys', 'an iterable of keys')
    for (const key of list) checkKey(key)
    return list.length === 0 || this.house.write.delete(this.#path, list)
  }

  async deleteByTag(tag: string): Promise<boolean> {
    this.#rooms.assertOpen()
    checkTag(tag, 'tag')
    return this.house.write.deleteByTag(this.#path, tag)
  }

  async expire(key: string): Promise<boolean> {
    this.#rooms.assertOpen()
    checkKey(key)
    return this.house.write.expire(placeOf(this.#path, key))
  }

  async clear(options?: { purge?: boolean }): Promise<boolean> {
    this.#rooms.assertOpen()
    if (options !== undefined) checkOptionNames(options, 'options', CLEAR_OPTIONS)
    const purge = options?.purge === undefined ? false : options.purge
    if (typeof purge !== 'boolean') throw new InvalidOptionError('options.purge', 'a boolean', purge)
    return this.house.write.clear(this.#path, purge)
  }

  async has(key: string): Promise<boolean> {
    this.#rooms.assertOpen()
    checkKey(key)
    if (this.peek(key) !== undefined) return true
    return isHit(await this.house.read.probe(placeOf(this.#path, key), this.#lifetime.tags))
  }

  peek<V = unknown>(key: string): V | undefined {
    const rooms = this.#rooms
    const slot = rooms.memory?.peek(memoryId(this.#path, key), rooms.clock.now())
    if (slot) return this.#take(slot) as V
    rooms.assertOpen()
    checkKey(key)
    return undefined
  }

  async inspect<V = unknown>(key: string): Promise<Entry<V> | undefined> {
    const rooms = this.#rooms
    rooms.assertOpen()
    checkKey(key)
    const place = placeOf(this.#path, key)
    const slot = rooms.memory?.peek(place.id, rooms.clock.now())
    if (slot) return this.#describe({ tier: 'memory', entry: (rooms.memory as Memory).entryAt(slot) }, true)
    const found = await this.house.read.probe(place, this.#lifetime.tags)
    if (isHit(found)) return this.#describe({ tier: found.outcome.tier, entry: found.entry }, true)
    return found.stale && this.#describe(found.stale, false)
  }

  wrap<A extends readonly unknown[], V>(
    fn: (...args: A) => V | LoadResult<V> | Promise<V | LoadResult<V>>,
    options: ReadOptions & { key: (...args: [...A]) => string },
  ): (...args: A) => Promise<V> {
    if (typeof fn !== 'function') throw new InvalidOptionError('fn', 'a function', fn)
    const resolved = resolveReadOptions(options ?? null, this.#readOptions, this.#lifetime, WRAP_OPTIONS)
    const { key } = options
    if (typeof key !== 'function') throw new InvalidOptionError('options.key', 'a function that makes a key', key)
    const load = this.#load.bind(this)
    return async function (this: unknown, ...args: A): Promise<V> {
      return load(key(...args), () => Reflect.apply(fn, this, args), resolved) as Promise<V>
    }
  }

  namespace(name: string, defaults?: Lifetime): CacheView {
    const path = this.#path + pathSegment(name)
    return new View(this.house, path, this.#resolveLifetime(defaults, 'defaults'))
  }

  #describe<V>({ tier, entry }: Candidate, fresh: boolean): Entry<V> {
    const { values, clock } = this.#rooms
    return {
      value: values.take(entry.held) as V,
      tier,
      fresh,
      age: Math.max(0, clock.now() - entry.storedAt),
      tags: entry.extras?.tags ?? [],
    }
  }

  #checkList(keys: unknown): asserts keys is readonly string[] {
    this.#rooms.assertOpen()
    if (!Array.isArray(keys)) throw new InvalidOptionError('keys', 'an array of keys', keys)
  }

  /** The slot of a hit in memory, counted, and timed where that is asked for. */
  #inMemory(id: string, key: string): number {
    const { telemetry, options } = this.#rooms
    if (!options.timeMemoryHits) return this.#countedInMemory(id, key)
    const started = telemetry.start()
    const slot = this.#countedInMemory(id, key)
    if (slot !== NOWHERE) telemetry.ended('get', [started])
    return slot
  }

  #countedInMemory(id: string, key: string): number {
    const { memory, clock, telemetry } = this.#rooms
    if (memory === undefined) return NOWHERE
    const slot = memory.get(id, clock.now())
    if (slot === NOWHERE) return NOWHERE
    telemetry.memoryHits.count += 1
    if (telemetry.hasListeners) telemetry.tell(HIT.memory, { key, path: this.#path })
    return slot
  }

  /** One caller's value. */
  #take(slot: number): unknown {
    const memory = this.#rooms.memory as Memory
    return memory.isShared(slot) ? memory.valueAt(slot) : this.#rooms.values.take(memory.heldAt(slot))
  }

  #promised(slot: number): Promise<unknown> {
    const memory = this.#rooms.memory as Memory
    return memory.isShared(slot) ? Promise.resolve(memory.valueAt(slot)) : this.#copyOf(memory.heldAt(slot))
  }

  /** Async, so that what the codec throws is a rejection. */
  async #copyOf(held: HeldValue): Promise<unknown> {
    return this.#rooms.values.take(held)
  }

  #isDue(slot: number): boolean {
    return !this.#isPlain && this.house.read.isDue((this.#rooms.memory as Memory).entryAt(slot))
  }

  #get(key: string): Promise<unknown> {
    return this.#refusal(key) ?? this.house.read.getOne(placeOf(this.#path, key), this.#lifetime.tags)
  }

  /** A promise more, as an async function has, would be seen in each hit in Redis. */
  #refusal(key: string): Promise<never> | undefined {
    try {
      this.#rooms.assertOpen()
      checkKey(key)
      return undefined
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Beside `getOrSet`, which is to stay small enough that V8 compiles the whole of a hit as one piece. */
  #readThrough(id: string, key: string, loader: Loader<unknown>): Promise<unknown> {
    const { read } = this.house
    const flight = this.#rooms.flights.get(id)
    return (
      (flight && read.join(flight, loader, this.#readOptions)) ??
      this.#refusal(key) ??
      read.getOrSet(placeOf(this.#path, key), loader, this.#readOptions)
    )
  }

  async #getOrSet(key: string, loader: Loader<unknown>, options: ReadOptions | undefined): Promise<unknown> {
    if (typeof loader !== 'function') throw new InvalidOptionError('loader', 'a function', loader)
    return this.#load(key, loader, resolveReadOptions(options, this.#readOptions, this.#lifetime))
  }

  async #load(key: string, loader: Loader<unknown>, options: ResolvedReadOptions): Promise<unknown> {
    this.#rooms.assertOpen()
    checkKey(key)
    options.signal?.throwIfAborted()
    const place = placeOf(this.#path, key)
    const slot = options.refresh ? NOWHERE : this.#inMemory(place.id, key)
    if (slot === NOWHERE) return this.house.read.getOrSet(place, loader, options)
    // What is refreshed may change memory.
    const value = this.#take(slot)
    if (this.#isDue(slot)) this.house.read.refreshEarly(place, loader, options)
    return value
  }

  #resolveLifetime(lifetime: Lifetime | undefined, argument = 'lifetime'): ResolvedLifetime {
    return resolveLifetime(lifetime, this.#lifetime, argument)
  }
}

/** The widest view, and the life of the cache. */
class RootCache extends View implements Cache {
  readonly name: string
  #closing: Promise<void> | undefined

  constructor(house: House) {
    super(house, '', house.rooms.options.read.lifetime)
    this.name = house.rooms.options.name
  }

  async ready(options?: { timeout?: Milliseconds }): Promise<void> {
    const { rooms } = this.house
    rooms.assertOpen()
    if (options !== undefined) checkOptionNames(options, 'options', READY_OPTIONS)
    const timeout = checkDuration(options?.timeout, 'options.timeout') ?? READY_TIMEOUT
    const { redis, clock } = rooms
    if (redis === undefined) return
    const started = clock.precise()
    const left = (): Milliseconds => timeout - (clock.precise() - started)
    while (!(await redis.ping(Math.min(rooms.options.redisTimeout, left())))) {
      rooms.assertOpen()
      if (left() <= 0) throw new NotReadyError(timeout, false)
      await new Promise<void>((resolve) => clock.after(Math.min(READY_PAUSE, left()), resolve))
    }
    let cancel: (() => void) | undefined
    const late = new Promise<never>((_, reject) => {
      cancel = clock.after(Math.max(0, left()), () => reject(new NotReadyError(timeout, true)))
    })
    await Promise.race([redis.heard, late]).finally(() => cancel?.())
  }

  stats(): CacheStats {
    const { rooms, read } = this.house
    const { memory, redis, telemetry } = rooms
    return {
      ...telemetry.counts,
      loads: read.loads,
      entries: memory?.entries ?? 0,
      bytes: memory?.bytes ?? 0,
      circuit: redis?.circuit ?? 'closed',
      proofAge: memory && redis?.coherence.age,
      unconfirmed: redis?.unconfirmed ?? 0,
    }
  }

  async close(): Promise<{ unconfirmed: number }> {
    const { rooms } = this.house
    this.#closing ??= this.#close()
    await this.#closing
    return { unconfirmed: rooms.redis?.unconfirmed ?? 0 }
  }

  async #close(): Promise<void> {
    const { rooms, write } = this.house
    rooms.closed = true
    // What is not confirmed by then is lost, and is to be told.
    await write.ended()
    rooms.telemetry.close()
    rooms.redis?.close()
    rooms.memory?.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function listOf<T>(items: Iterable<T>, argument: string, expected: string): readonly T[] {
  if (typeof items !== 'object' || items === null || !(Symbol.iterator in items)) {
    throw new InvalidOptionError(argument, expected, items)
  }
  return [...items]
}
