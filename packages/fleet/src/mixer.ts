import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import type { Cache, CacheView } from '@otel-cache/core'
import { FAILED, type Journal, KIND, type Kind, MISS, now } from './journal.js'
import { lifetimeOf, PART, SCOPE, SUBJECTS, type Subject, TAG_COUNT, tagName } from './layout.js'
import type { Mix } from './messages.js'
import { randomOf } from './random.js'
import type { Versions } from './versions.js'

/** With so many waiting for Redis or a loader nothing new is begun: a hanging Redis would pile them up. */
const MOST_WAITING = 40
const TTLS = [1_000, 5_000, 20_000, 60_000]
/** Below this share a change is of one key, above it of a generation. */
const OF_CHANGES = { others: 0.9 }
const OF_LOADS = { failing: 0.005, immediate: 0.4, slowish: 0.02 }

/** Random operations on few keys, each in the journal. */
export class Mixer {
  readonly #views: { readonly whole: Cache; readonly part: CacheView }
  readonly #journal: Journal
  readonly #versions: Versions
  readonly #random: () => number
  #mix: Mix | undefined
  #isQuiet = false
  #running: Promise<void> | undefined
  #waiting = new Set<Promise<unknown>>()
  #changing = 0
  /** Whether a change has resolved `false` since everything was last settled. */
  #isUnsettled = false
  /** When the turn began, as far as anybody in this process may believe: at the end of the one before. */
  #turn = now()

  constructor(cache: Cache, journal: Journal, versions: Versions, seed: number) {
    this.#views = { whole: cache, part: cache.namespace(PART) }
    this.#journal = journal
    this.#versions = versions
    this.#random = randomOf(seed)
  }

  start(mix: Mix): void {
    this.#mix = mix
    this.#running ??= this.#run()
  }

  quiet(): void {
    this.#isQuiet = true
  }

  /** Resolves once all that was begun has ended. */
  async stop(): Promise<void> {
    this.#mix = undefined
    await this.#running
    await Promise.all(this.#waiting)
    this.#settle()
  }

  async #run(): Promise<void> {
    for (let mix = this.#mix; mix !== undefined; mix = this.#mix) {
      const batch = this.#waiting.size < MOST_WAITING ? mix.batch : 0
      for (let i = 0; i < batch; i++) this.#begin(mix)
      this.#settle()
      const ended = now()
      await (mix.pause === 0 ? nextTurn() : pause(mix.pause))
      this.#turn = ended
    }
  }

  #begin(mix: Mix): void {
    const isChange = this.#random() < mix.changes
    if (isChange && !this.#isQuiet && !this.#mustWait) this.#change(mix)
    else if (!mix.onlyEnds) this.#read(mix)
  }

  /** What has been replayed can only be told while nothing of this process's own is under way. */
  get #mustWait(): boolean {
    return this.#isUnsettled && this.#views.whole.stats().unconfirmed === 0
  }

  #settle(): void {
    if (!this.#mustWait || this.#changing > 0) return
    this.#isUnsettled = false
    const at = now()
    this.#journal.write(KIND.settled, 0, at, at, 0, 0)
  }

  #read(mix: Mix): void {
    const subject = this.#subject(1.5)
    const choice = this.#random()
    if (choice < 0.3) this.#reading(KIND.get, subject, () => this.#viewOf(subject).get(subject.key))
    else if (choice < 0.8) this.#getOrSet(subject, mix, false)
    else {
      const start = now()
      const value = this.#viewOf(subject).peek<number>(subject.key) ?? MISS
      this.#journal.write(KIND.peek, subject.index, start, now(), value, this.#turn)
    }
  }

  #change(mix: Mix): void {
    const choice = mix.onlyEnds ? OF_CHANGES.others + this.#random() * (1 - OF_CHANGES.others) : this.#random()
    const subject = this.#subject(2.5)
    const view = this.#viewOf(subject)
    const ttl = this.#ttl(mix)
    if (choice < 0.4) {
      const value = this.#versions.next()
      this.#journal.write(KIND.beginSet, subject.index, now(), 0, value, 0)
      this.#journal.flush()
      this.#changed(KIND.set, subject.index, value, () => view.set(subject.key, value, lifetimeOf(subject, ttl)))
    } else if (choice < 0.65) {
      this.#changed(KIND.delete, subject.index, MISS, () => view.delete(subject.key))
    } else if (choice < OF_CHANGES.others) {
      this.#getOrSet(subject, mix, true)
    } else if (choice < 0.98) {
      const tag = Math.floor(this.#random() * TAG_COUNT)
      this.#changed(KIND.deleteByTag, tag, MISS, () => this.#views.whole.deleteByTag(tagName(tag)))
    } else {
      const scope = this.#random() < 0.5 ? SCOPE.all : SCOPE.part
      const cleared = scope === SCOPE.all ? this.#views.whole : this.#views.part
      this.#changed(KIND.clear, scope, MISS, () => cleared.clear())
    }
  }

  #getOrSet(subject: Subject, mix: Mix, refresh: boolean): void {
    let loaded = MISS
    const load = async (): Promise<number> => {
      loaded = this.#versions.next()
      this.#journal.write(KIND.beginLoad, subject.index, now(), 0, loaded, 0)
      this.#journal.flush()
      const duration = this.#loadDuration(mix)
      if (duration > 0) await pause(duration)
      if (this.#random() < OF_LOADS.failing) throw new Error('the origin failed')
      return loaded
    }
    const options = { ...lifetimeOf(subject, this.#ttl(mix)), refresh }
    this.#reading(KIND.getOrSet, subject, async () => {
      try {
        return await this.#viewOf(subject).getOrSet(subject.key, load, options)
      } finally {
        const at = now()
        if (loaded !== MISS) this.#journal.write(KIND.landed, subject.index, at, at, loaded, 0)
      }
    })
  }

  #ttl({ ttl }: Mix): number {
    return ttl ?? (TTLS[Math.floor(this.#random() * TTLS.length)] as number)
  }

  #loadDuration({ slowLoads }: Mix): number {
    const choice = this.#random()
    if (choice < slowLoads.share) return slowLoads.take
    if (choice < slowLoads.share + OF_LOADS.slowish) return 200
    return choice > 1 - OF_LOADS.immediate ? 0 : Math.ceil(this.#random() * 10)
  }

  #reading(kind: Kind, { index }: Subject, read: () => Promise<number | undefined>): void {
    const turn = this.#turn
    const start = now()
    this.#wait(async () => {
      let value: number = FAILED
      try {
        value = (await read()) ?? MISS
      } catch {
        // The origin's own failure, or that of whoever loaded for this caller: it is counted, and nothing was read.
      }
      this.#journal.write(kind, index, start, now(), value, turn)
    })
  }

  #changed(kind: Kind, subject: number, value: number, change: () => Promise<boolean>): void {
    const start = now()
    this.#changing += 1
    this.#wait(async () => {
      const confirmed = await change()
      this.#changing -= 1
      this.#isUnsettled ||= !confirmed
      this.#journal.write(kind, subject, start, now(), value, confirmed ? 1 : 0)
    })
  }

  #wait(work: () => Promise<void>): void {
    const waiting = work().finally(() => this.#waiting.delete(waiting))
    this.#waiting.add(waiting)
  }

  /** The first keys most: the last ones are left alone for long, so that nothing but coherence can correct them. */
  #subject(skew: number): Subject {
    return SUBJECTS[Math.floor(SUBJECTS.length * this.#random() ** skew)] as Subject
  }

  #viewOf({ isInPart }: Subject): CacheView {
    return isInPart ? this.#views.part : this.#views.whole
  }
}
