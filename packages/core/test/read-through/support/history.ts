/**
 * What happened to a cache, in order, and the reference model of what its callers may be given. Written from the contract:
 * it knows nothing of flights, marks or generations.
 */

/** A moment: its place in the order of events, and the time of the cache. */
export interface Moment {
  readonly order: number
  readonly time: number
}

/** Something that made a value: a run of a loader for one key, or a `set`. */
export interface Producer {
  readonly by: 'load' | 'set'
  readonly id: number
  readonly key: number
  readonly begin: Moment
  /** When nothing had been under way before it. */
  readonly since: number
  end: Moment | undefined
  /** Of a load: how it ended; of a set: whether it was confirmed. */
  outcome: 'value' | 'nothing' | 'error' | 'called off' | undefined
  tags: readonly string[]
}

/** A change other than a `set`. */
export interface Change {
  readonly change: 'delete' | 'clear' | 'deleteByTag' | 'expire'
  readonly tag: string | undefined
  readonly covers: (key: number) => boolean
  readonly begin: Moment
  end: Moment | undefined
}

/** One key of one call. */
export interface Asked {
  readonly how: 'get' | 'getOrSet'
  readonly key: number
  readonly refresh: boolean
  /** The only key of its call: what is served does not wait for others. */
  readonly isAlone: boolean
  readonly begin: Moment
  /** The caller gave up. */
  aborted: boolean
}

export interface Windows {
  readonly ttl: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
}

export class History {
  readonly producers: Producer[] = []
  readonly changes: Change[] = []
  readonly asked: Asked[] = []
  readonly settled: number[] = []
  readonly #now: () => number
  readonly #windows: Windows
  /** Whether the time of the cache is the time of what is stored. */
  readonly #isTimed: boolean
  #order = 0
  #quietSince = 0

  constructor(now: () => number, windows: Windows, isTimed: boolean) {
    this.#now = now
    this.#windows = windows
    this.#isTimed = isTimed
  }

  moment(): Moment {
    this.#order += 1
    return { order: this.#order, time: this.#now() }
  }

  produce(by: 'load' | 'set', key: number, tags: readonly string[]): Producer {
    const id = this.producers.length
    const since = this.#quietSince
    const producer: Producer = { by, id, key, begin: this.moment(), since, end: undefined, outcome: undefined, tags }
    this.producers.push(producer)
    return producer
  }

  /** Throws where a value was not to be given to who asked. */
  judge(asked: Asked, value: unknown, end: Moment): void {
    if (value === undefined) return
    const made = this.producers[(value as { id: number }).id]
    const story = (why: string): Error =>
      new Error(`${why}: ${JSON.stringify({ asked, value, end, made, windows: this.#windows })}`)
    if (made === undefined || made.key !== asked.key) throw story('a value of another key')
    if (made.outcome !== 'value' && made.by === 'load') throw story('a value that no load returned')
    for (const change of this.changes) {
      if (!isOver(change, asked) || !change.covers(made.key)) continue
      if (change.tag !== undefined && !made.tags.includes(change.tag)) continue
      if (made.begin.order > change.begin.order) continue
      const wasThere = made.by === 'set' || (made.end !== undefined && made.end.order < change.begin.order)
      if (change.change === 'expire' && wasThere && asked.how === 'getOrSet' && this.#hasWindows) continue
      throw story(`a value from before a ${change.change}`)
    }
    for (const set of this.producers) {
      if (set.by !== 'set' || set === made || set.key !== made.key || set.outcome !== 'value' || !isOver(set, asked))
        continue
      if (made.begin.order < set.begin.order) throw story('a value from before a set')
      // A load that began while the set was under way is older than it: had it been newer, it would have found what was set.
      const isOlder = made.by === 'load' && made.begin.order < (set.end as Moment).order
      if (isOlder && this.#isUndisturbed(set)) throw story('a value from before a set was confirmed')
    }
    const isOwn = made.end === undefined || made.end.order > asked.begin.order
    if (isOwn) return
    // A refresh may join a load until its value is stored.
    if (asked.refresh && this.#wasSettled(made, asked) && this.#windows.staleIfError === 0)
      throw story('a cached value')
    if (this.#isTimed) this.#judgeAge(asked, made, end, story)
  }

  #judgeAge(asked: Asked, made: Producer, end: Moment, story: (why: string) => Error): void {
    const { ttl, staleWhileRevalidate, staleIfError } = this.#windows
    const freshUntil = (made.end as Moment).time + ttl
    if (asked.begin.time < freshUntil) return
    if (asked.how === 'get') throw story('a value past its lifetime')
    if (asked.begin.time < freshUntil + staleWhileRevalidate && !asked.refresh) return
    if ((asked.isAlone ? end : asked.begin).time < freshUntil + staleIfError) return
    throw story('a value past its windows')
  }

  /** Whatever could end by itself has ended. */
  settle(): void {
    this.settled.push(this.moment().order)
  }

  /** And nothing is under way. */
  quiet(): void {
    this.#quietSince = this.moment().order
  }

  /** Throws where a load of this key is about to begin beside another, though the key has not changed. */
  judgeLoad(key: number): void {
    const [other] = this.producers.filter((one) => one.by === 'load' && one.key === key && one.end === undefined)
    if (other === undefined || this.#hasChanged(key, other.since) || this.#wasGivenUp(key, other.since)) return
    throw new Error(`two loads of one key at a time: ${JSON.stringify(other)}`)
  }

  /** What must be stored under a key once everything has ended; undefined where the model leaves it open. */
  mustHold(key: number): number | undefined {
    const last = this.producers.filter((one) => one.key === key && one.outcome === 'value').at(-1)
    if (last?.end === undefined) return undefined
    if (last.by === 'load' && (this.#hasChanged(key, last.since) || this.#wasGivenUp(key, last.since))) return undefined
    const { begin, end } = last
    const others: ReadonlyArray<{ readonly end: Moment | undefined }> = [
      ...this.producers.filter((one) => one.key === key && one !== last),
      ...this.changes.filter((one) => one.covers(key)),
    ]
    if (others.some((one) => one.end === undefined || one.end.order > begin.order)) return undefined
    if (this.#isTimed && this.#now() >= end.time + this.#windows.ttl) return undefined
    return last.id
  }

  /** Who gave up may have been the last who wanted a load. */
  #wasGivenUp(key: number, since: number): boolean {
    return this.asked.some((one) => one.key === key && one.aborted && one.begin.order > since)
  }

  #hasChanged(key: number, since: number): boolean {
    const sets = this.producers.filter((one) => one.by === 'set' && one.key === key)
    const changes = this.changes.filter((one) => one.covers(key))
    return [...sets, ...changes].some(({ begin }) => begin.order > since)
  }

  /** Nothing else happened to the key while this set was under way, and nobody asked for a load in spite of it. */
  #isUndisturbed({ key, begin, end, since }: Producer): boolean {
    const overlaps = (one: { readonly begin: Moment; readonly end: Moment | undefined }): boolean =>
      one.begin.order < (end as Moment).order && (one.end === undefined || one.end.order > begin.order)
    const sets = this.producers.filter((one) => one.by === 'set' && one.key === key && one.begin !== begin)
    const changes = this.changes.filter((one) => one.covers(key))
    const refreshes = this.asked.filter((one) => one.key === key && one.refresh && one.begin.order > since)
    return refreshes.length === 0 && ![...sets, ...changes].some(overlaps)
  }

  #wasSettled({ end }: Producer, { begin }: Asked): boolean {
    return end !== undefined && this.settled.some((order) => order > end.order && order < begin.order)
  }

  get #hasWindows(): boolean {
    return this.#windows.staleIfError > 0 || this.#windows.staleWhileRevalidate > 0
  }
}

/** Whether something had ended before another call was made. */
function isOver({ end }: { readonly end: Moment | undefined }, { begin }: Asked): boolean {
  return end !== undefined && end.order < begin.order
}
