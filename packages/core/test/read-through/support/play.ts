import { openCache } from '../../../src/cache.js'
import { type Cache, type CacheView, entry, LoadTimeoutError } from '../../../src/index.js'
import { freshName, withoutChannel } from '../../support/caches.js'
import { type FakeEnvironment, fakeEnvironment } from '../../support/environment.js'
import { turn } from '../../support/fake-clock.js'
import type { RedisClient } from '../../support/redis.js'
import { type Asked, type Change, History, type Producer } from './history.js'
import { KEYS, LOAD_TIMEOUT, type Setting, SOFT_LOAD_TIMEOUT, type Step, TTL } from './steps.js'
import { NEVER, quiet } from './stores.js'

type Landing = Extract<Step, { step: 'land' }>['how']

/** A run of a loader that has not ended yet. */
interface OpenRun {
  readonly producers: readonly Producer[]
  readonly land: (how: Landing, tags: readonly string[]) => void
}

interface OpenCall {
  readonly asked: readonly Asked[]
  readonly controller: AbortController | undefined
}

/** What Redis keeps does not grow old with the test's time: there, lifetimes and windows are for ever. */
const LONG = 1e9

/** One interleaving: a cache, and its history. */
export class Play {
  readonly #cache: Cache
  readonly #another: Cache | undefined
  readonly #history: History
  readonly #setting: Setting
  readonly #client: RedisClient | undefined
  readonly #environment: FakeEnvironment
  readonly #runs = new Set<OpenRun>()
  readonly #calls = new Set<OpenCall>()
  readonly #operations = new Set<Promise<void>>()
  /** What callers may be refused with: the very errors of loaders and reasons of signals. */
  readonly #errors = new Set<unknown>()
  #lookups = 0
  #broken: { readonly error: unknown } | undefined

  constructor(setting: Setting, client: RedisClient | undefined, memory: boolean) {
    const { earlyRefresh, maxConcurrentLoads, values } = setting
    const long = (duration: number): number => (client === undefined || duration === 0 ? duration : LONG)
    const windows = {
      ttl: long(TTL),
      staleWhileRevalidate: long(setting.staleWhileRevalidate),
      staleIfError: long(setting.staleIfError),
    }
    const options = {
      name: freshName(),
      jitter: 0,
      loadTimeout: LOAD_TIMEOUT,
      redisTimeout: NEVER,
      ...windows,
      values,
      earlyRefresh,
      ...(maxConcurrentLoads !== undefined && { maxConcurrentLoads }),
      ...(client !== undefined && { redis: client }),
      ...(!memory && { memory: false as const }),
    }
    this.#setting = setting
    this.#client = client
    this.#environment = fakeEnvironment(() => (earlyRefresh ? 0.9 : 0))
    if (client !== undefined) withoutChannel(client)
    this.#cache = openCache(options, this.#environment)
    this.#another = client && openCache(options, this.#environment)
    this.#history = new History(() => this.#environment.clock.precise(), windows, client === undefined)
  }

  /** Rejects with the first thing that was not to happen. */
  async play(steps: readonly Step[]): Promise<void> {
    try {
      for (const step of steps) {
        await this.#do(step)
        if (this.#broken !== undefined) throw this.#broken.error
      }
      await this.#end()
    } finally {
      await this.#cache.close()
      await this.#another?.close()
    }
  }

  #do(step: Step): Promise<void> | void {
    switch (step.step) {
      case 'getOrSet':
        return this.#getOrSet(step)
      case 'getOrSetMany':
        return this.#getOrSetMany(step)
      case 'get':
        return this.#call('get', [step.key], false, undefined, async (view, [key]) => [await view.get(key as string)])
      case 'getMany':
        return this.#call('get', step.keys, false, undefined, (view, keys) => view.getMany(keys))
      case 'set':
        return this.#set(step.key, step.tags)
      case 'delete':
        return this.#change(
          'delete',
          (key) => key === step.key,
          () => viewOf(this.#cache, step.key).delete(nameOf(step.key)),
        )
      case 'expire':
        return this.#expire(step.key)
      case 'clear':
        return this.#change('clear', inside(step.inNamespace), () => this.#view(step.inNamespace).clear())
      case 'deleteByTag': {
        const { tag, inNamespace } = step
        return this.#change('deleteByTag', inside(inNamespace), () => this.#view(inNamespace).deleteByTag(tag), tag)
      }
      case 'land':
        return [...this.#runs][step.run % Math.max(1, this.#runs.size)]?.land(step.how, step.tags)
      case 'abort':
        return this.#abort(step.call)
      case 'advance':
        return this.#advance(step.ms)
      case 'turn':
        return turn()
      case 'quiet':
        return this.#quiet()
    }
  }

  #view(inNamespace: boolean): CacheView {
    return inNamespace ? this.#cache.namespace('n') : this.#cache
  }

  #getOrSet({ key, refresh, soft, tags }: Extract<Step, { step: 'getOrSet' }>): void {
    // One key's callers may give up; and without options is a path of its own.
    const controller = key === 0 ? new AbortController() : undefined
    const options = {
      ...(refresh && { refresh }),
      ...(soft && { softLoadTimeout: SOFT_LOAD_TIMEOUT }),
      ...(controller && { signal: controller.signal }),
      ...(tags.length > 0 && { tags }),
    }
    const load = async ({ signal }: { readonly signal: AbortSignal }): Promise<unknown> => {
      const [value] = await this.#run([key], tags, signal)
      return value
    }
    this.#call('getOrSet', [key], refresh, controller, async (view, [name]) => [
      await view.getOrSet(name as string, load, ...(Object.keys(options).length === 0 ? [] : [options])),
    ])
  }

  #getOrSetMany({ keys, refresh }: Extract<Step, { step: 'getOrSetMany' }>): void {
    const load = (names: readonly string[], { signal }: { readonly signal: AbortSignal }): Promise<unknown[]> =>
      this.#run(
        names.map((name) => KEYS.findIndex(({ key, view }) => key === name && view === undefined)),
        undefined,
        signal,
      )
    this.#call('getOrSet', keys, refresh, undefined, (view, names) => view.getOrSetMany(names, load, { refresh }))
  }

  /** A call of keys in one view, whose values are judged as they come. */
  #call(
    how: Asked['how'],
    keys: readonly number[],
    refresh: boolean,
    controller: AbortController | undefined,
    ask: (view: CacheView, names: string[]) => Promise<readonly unknown[]>,
  ): void {
    const isAlone = keys.length === 1
    const asked = keys.map((key) => ({ how, key, refresh, isAlone, begin: this.#history.moment(), aborted: false }))
    this.#history.asked.push(...asked)
    this.#lookups += keys.length
    const call: OpenCall = { asked, controller }
    this.#calls.add(call)
    ask(viewOf(this.#cache, keys[0] as number), keys.map(nameOf))
      .then(
        (values) => {
          for (const [index, one] of asked.entries()) this.#history.judge(one, values[index], this.#history.moment())
        },
        (error: unknown) => {
          if (!this.#errors.has(error) && !(error instanceof LoadTimeoutError)) throw error
        },
      )
      .catch((error: unknown) => this.#break(error))
      .finally(() => this.#calls.delete(call))
  }

  /** A loader has been called. */
  #run(keys: readonly number[], tags: readonly string[] | undefined, signal: AbortSignal): Promise<unknown[]> {
    try {
      for (const key of keys) this.#history.judgeLoad(key)
    } catch (error) {
      this.#break(error)
    }
    const producers = keys.map((key) => this.#history.produce('load', key, tags ?? []))
    const end = (outcome: NonNullable<Producer['outcome']>): void => {
      for (const producer of producers) {
        producer.outcome ??= outcome
        producer.end ??= this.#history.moment()
      }
    }
    signal.addEventListener('abort', () => end('called off'))
    return new Promise((resolve, reject) => {
      const run: OpenRun = {
        producers,
        land: (how, chosen) => {
          this.#runs.delete(run)
          end(how)
          if (how === 'error') return reject(this.#allowed(new Error('the origin failed')))
          if (how === 'nothing') return resolve(keys.map(() => undefined))
          const byLoader = tags !== undefined && chosen.length > 0
          for (const producer of producers) if (byLoader) producer.tags = chosen
          resolve(producers.map(({ id }) => (byLoader ? entry({ id }, { tags: chosen }) : { id })))
        },
      }
      this.#runs.add(run)
      const running = [...this.#runs].filter((one) => one.producers[0]?.end === undefined).length
      if (running > (this.#setting.maxConcurrentLoads ?? Number.POSITIVE_INFINITY)) {
        this.#break(new Error(`${running} loads at once`))
      }
    })
  }

  #set(key: number, tags: readonly string[]): void {
    const producer = this.#history.produce('set', key, tags)
    this.#operation(viewOf(this.#cache, key).set(nameOf(key), { id: producer.id }, { tags }), (confirmed) => {
      producer.end = this.#history.moment()
      producer.outcome = confirmed ? 'value' : 'nothing'
    })
  }

  #change(change: Change['change'], covers: Change['covers'], make: () => Promise<boolean>, tag?: string): void {
    const made: Change = { change, covers, tag, begin: this.#history.moment(), end: undefined }
    this.#history.changes.push(made)
    this.#operation(make(), (confirmed) => {
      if (confirmed) made.end = this.#history.moment()
    })
  }

  async #expire(key: number): Promise<void> {
    this.#change(
      'expire',
      (one) => one === key,
      () => viewOf(this.#cache, key).expire(nameOf(key)),
    )
    if (this.#client === undefined) return
    await this.#advance(1_001)
  }

  #operation(promise: Promise<boolean>, whenDone: (confirmed: boolean) => void): void {
    const operation = promise
      .then(whenDone)
      .catch((error: unknown) => this.#break(error))
      .finally(() => this.#operations.delete(operation))
    this.#operations.add(operation)
  }

  #abort(index: number): void {
    const abortable = [...this.#calls].filter(({ controller }) => controller !== undefined)
    const call = abortable[index % Math.max(1, abortable.length)]
    for (const one of call?.asked ?? []) one.aborted = true
    call?.controller?.abort(this.#allowed(new Error('the caller gave up')))
  }

  /** Redis's time does not jump with the test's, so nothing is to be on its way there. */
  async #advance(ms: number): Promise<void> {
    if (this.#client !== undefined) await quiet(this.#client)
    await this.#environment.clock.advance(ms)
  }

  async #quiet(): Promise<void> {
    await quiet(this.#client)
    this.#history.settle()
    if (this.#calls.size + this.#runs.size + this.#operations.size === 0) this.#history.quiet()
  }

  /** Ends everything, and looks whether the books are straight. */
  async #end(): Promise<void> {
    await quiet(this.#client)
    while (this.#runs.size > 0) {
      for (const run of this.#runs) run.land('value', [])
      await quiet(this.#client)
    }
    if (this.#broken !== undefined) throw this.#broken.error
    if (this.#calls.size + this.#operations.size > 0) throw new Error('a call has not ended')
    const { hits, misses, stale, loads } = this.#cache.stats()
    const counted = hits.memory + hits.redis + misses
    if (counted !== this.#lookups) throw new Error(`${this.#lookups} lookups, ${counted} counted`)
    if (!this.#setting.earlyRefresh && loads > misses + stale) {
      throw new Error(`${loads} loads for ${misses} misses and ${stale} stale hits`)
    }
    for (const [key, { key: name }] of KEYS.entries()) {
      for (const cache of [this.#cache, this.#another ?? this.#cache]) {
        const begin = this.#history.moment()
        const asked: Asked = { how: 'get', key, refresh: false, isAlone: true, begin, aborted: false }
        const value = await viewOf(cache, key).get<{ id: number }>(name)
        this.#history.judge(asked, value, this.#history.moment())
        const must = this.#history.mustHold(key)
        if (must !== undefined && value?.id !== must) throw new Error(`${must} is lost: ${JSON.stringify(value)}`)
      }
    }
  }

  #allowed(error: Error): Error {
    this.#errors.add(error)
    return error
  }

  #break(error: unknown): void {
    this.#broken ??= { error }
  }
}

function viewOf(cache: Cache, key: number): CacheView {
  const { view } = KEYS[key] as (typeof KEYS)[number]
  return view === undefined ? cache : cache.namespace(view)
}

function nameOf(key: number): string {
  return (KEYS[key] as (typeof KEYS)[number]).key
}

function inside(inNamespace: boolean): (key: number) => boolean {
  return (key) => !inNamespace || KEYS[key]?.view !== undefined
}
