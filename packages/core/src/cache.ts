import type { MemoryEntry } from './entry.js'
import type { Environment } from './environment.js'
import { InvalidOptionError, NotReadyError } from './errors.js'
import { checkKey, memoryId, pathSegment } from './keys.js'
import { checkDuration, checkOptionNames, checkTag, type ResolvedLifetime, resolveLifetime } from './lifetime.js'
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
    this.#isPlain = house.rooms.options.earlyRefresh === undefined
    this.#path = path
    this.#lifetime = lifetime
    this.#readOptions = resolveReadOptions(undefined, house.rooms.options.read, lifetime)
  }

  get<V = unknown>(key: string): Promise<V | undefined> {
    const entry = this.#inMemory(memoryId(this.#path, key), key)
    if (entry?.held.shared) return Promise.resolve(entry.held.value as V)
    return (entry === undefined ? this.#get(key) : this.#copyOf(entry)) as Promise<V | undefined>
  }

  getOrSet<V>(key: string, loader: Loader<V>, options?: ReadOptions): Promise<V> {
    if (options === undefined && this.#isPlain && typeof loader === 'function') {
      const id = memoryId(this.#path, key)
      const entry = this.#inMemory(id, key)
      if (entry?.held.shared) return Promise.resolve(entry.held.value as V)
      if (entry !== undefined) return this.#copyOf(entry) as Promise<V>
      const flight = this.#rooms.flights.get(id)
      const shared = flight && this.house.read.join(flight, loader as Loader<unknown>, this.#readOptions)
      if (shared !== undefined) return shared as Promise<V>
    }
    return this.#getOrSet(key, loader as Loader<unknown>, options) as Promise<V>
  }

  async getMany<V = unknown>(keys: readonly string[]): Promise<Array<V | undefined>> {
    this.#checkKeys(keys)
    const { rooms } = this.house
    const started = rooms.telemetry.start()
    const values = new Array<unknown>(keys.length)
    const missing: number[] = []
    for (const [index, key] of keys.entries()) {
      const entry = this.#countedInMemory(memoryId(this.#path, key), key)
      if (entry === undefined) missing.push(index)
      else values[index] = rooms.values.take(entry.held)
    }
    if (missing.length > 0) {
      const found = await this.house.read.get(
        this.#path,
        missing.map((index) => keys[index] as string),
        this.#lifetime.tags,
      )
      for (const [position, index] of missing.entries()) values[index] = found[position]
    } else if (rooms.options.timeMemoryHits) {
      rooms.telemetry.ended('get', [started])
    }
    return values as Array<V | undefined>
  }

  async getOrSetMany<V>(
    keys: readonly string[],
    load: BatchLoader<V>,
    options?: ReadOptions,
  ): Promise<Array<V | undefined>> {
    if (typeof load !== 'function') throw new InvalidOptionError('load', 'a function', load)
    this.#checkKeys(keys)
    const resolved = resolveReadOptions(options, this.#readOptions, this.#lifetime)
    resolved.signal?.throwIfAborted()
    const { rooms, read } = this.house
    const started = rooms.telemetry.start()
    const values = new Map<string, unknown>()
    const missing: Place[] = []
    const due: Place[] = []
    for (const key of new Set(keys)) {
      const place = placeOf(this.#path, key)
      const entry = resolved.refresh ? undefined : this.#countedInMemory(place.id, key)
      if (entry === undefined) {
        missing.push(place)
        continue
      }
      values.set(key, rooms.values.take(entry.held))
      if (read.isDue(entry)) due.push(place)
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
    const entry = rooms.memory?.peek(memoryId(this.#path, key), rooms.clock.now())
    if (entry !== undefined) return rooms.values.take(entry.held) as V
    rooms.assertOpen()
    checkKey(key)
    return undefined
  }

  async inspect<V = unknown>(key: string): Promise<Entry<V> | undefined> {
    const rooms = this.#rooms
    rooms.assertOpen()
    checkKey(key)
    const place = placeOf(this.#path, key)
    const entry = rooms.memory?.peek(place.id, rooms.clock.now())
    if (entry !== undefined) return this.#describe({ tier: 'memory', entry }, true)
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

  #checkKeys(keys: unknown): asserts keys is readonly string[] {
    this.#rooms.assertOpen()
    if (!Array.isArray(keys)) throw new InvalidOptionError('keys', 'an array of keys', keys)
    for (const key of keys) checkKey(key)
  }

  /** A hit in memory, counted, and timed where that is asked for. */
  #inMemory(id: string, key: string): MemoryEntry | undefined {
    const { telemetry, options } = this.#rooms
    if (!options.timeMemoryHits) return this.#countedInMemory(id, key)
    const started = telemetry.start()
    const entry = this.#countedInMemory(id, key)
    if (entry !== undefined) telemetry.ended('get', [started])
    return entry
  }

  #countedInMemory(id: string, key: string): MemoryEntry | undefined {
    const { memory, clock, telemetry } = this.#rooms
    const entry = memory?.get(id, clock.now())
    if (entry === undefined) return undefined
    telemetry.memoryHits.count += 1
    if (telemetry.hasListeners) telemetry.tell(HIT.memory, { key, path: this.#path })
    return entry
  }

  /** Async, so that what the codec throws is a rejection. */
  async #copyOf({ held }: MemoryEntry): Promise<unknown> {
    return this.#rooms.values.take(held)
  }

  /** A promise more, as an async function has, would be seen in each hit in Redis. */
  #get(key: string): Promise<unknown> {
    try {
      this.#rooms.assertOpen()
      checkKey(key)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.house.read.getOne(placeOf(this.#path, key), this.#lifetime.tags)
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
    const entry = options.refresh ? undefined : this.#inMemory(place.id, key)
    if (entry === undefined) return this.house.read.getOrSet(place, loader, options)
    if (this.house.read.isDue(entry)) this.house.read.refreshEarly(place, loader, options)
    return this.#rooms.values.take(entry.held)
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
      if (left() <= 0) throw new NotReadyError(timeout)
      await new Promise<void>((resolve) => clock.after(Math.min(READY_PAUSE, left()), resolve))
    }
    let cancel: (() => void) | undefined
    const late = new Promise<never>((_, reject) => {
      cancel = clock.after(Math.max(0, left()), () => reject(new NotReadyError(timeout)))
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
