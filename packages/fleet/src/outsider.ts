import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster, Redis } from 'ioredis'
import { connect } from './client.js'
import { type Journal, KIND, MISS, now } from './journal.js'
import { generationNames, lifetimeOf, rawName, SUBJECTS, type Subject } from './layout.js'
import type { Target } from './messages.js'
import { randomOf } from './random.js'
import { Versions } from './versions.js'

const TTL = 60_000
const LOOK_PERIOD = 100

/** A raw client beside the fleet, which looks into Redis, and writes what no cache wrote. In the journal of process 0. */
export class Outsider {
  readonly #client: Redis | Cluster
  readonly #journal: Journal
  readonly #random: () => number
  readonly #versions = new Versions(0)
  #isWriting = false
  #isEnding = false
  #running: readonly Promise<void>[] = []

  constructor(target: Target, journal: Journal, seed: number) {
    this.#client = connect(target, 0)
    this.#journal = journal
    this.#random = randomOf(seed)
  }

  /** Looks at every key now and then until the end. */
  begin(): void {
    this.#running = [this.#look(), this.#write()]
  }

  writes(on: boolean): void {
    this.#isWriting = on
  }

  async flush(): Promise<void> {
    const start = now()
    await this.#client.flushall()
    this.#journal.write(KIND.flush, 0, start, now(), MISS, 1)
  }

  /** Looks a last time. */
  async end(): Promise<void> {
    this.#isEnding = true
    await Promise.all(this.#running)
    await this.#inspect()
    this.close()
  }

  /** Twice without harm. */
  close(): void {
    this.#isEnding = true
    this.#client.disconnect()
  }

  /** What Redis holds under each key, in a form that caches would accept. */
  async #inspect(): Promise<void> {
    await Promise.all(SUBJECTS.map((subject) => this.#inspectOne(subject).catch(() => {})))
  }

  async #look(): Promise<void> {
    while (!this.#isEnding) {
      await this.#inspect()
      await pause(LOOK_PERIOD)
    }
  }

  async #inspectOne(subject: Subject): Promise<void> {
    const start = now()
    const stored = await this.#client.get(rawName(subject))
    // Ids do not come back: what stands now stood a moment before.
    const value = stored === null ? MISS : readVersion(stored, await this.#generationsOf(subject))
    this.#journal.write(KIND.inspect, subject.index, start, now(), value, start)
  }

  /** One by one: in a Cluster they lie apart. */
  #generationsOf(subject: Subject): Promise<readonly (string | null)[]> {
    return Promise.all(generationNames(subject).map((name) => this.#client.get(name)))
  }

  async #write(): Promise<void> {
    while (!this.#isEnding) {
      if (this.#isWriting) await this.#writeOne().catch(() => {})
      await pause(5)
    }
  }

  async #writeOne(): Promise<void> {
    const subject = SUBJECTS[Math.floor(this.#random() * SUBJECTS.length)] as Subject
    const name = rawName(subject)
    if (this.#random() < 0.4) {
      const start = now()
      await this.#client.del(name)
      this.#journal.write(KIND.foreignDelete, subject.index, start, now(), MISS, 1)
      return
    }
    const ids = await this.#generationsOf(subject)
    const value = this.#versions.next()
    const start = now()
    this.#journal.write(KIND.beginSet, subject.index, start, 0, value, 0)
    await this.#client.set(name, storedForm(value, subject, ids), 'PX', TTL)
    this.#journal.write(KIND.foreignSet, subject.index, start, now(), value, 1)
  }
}

/** What a cache writes (`redis/stored-form.ts` of the core). Under a generation that is not there nobody reads it. */
function storedForm(value: number, subject: Subject, ids: readonly (string | null)[]): string {
  const body = String(value)
  const { tags = [] } = lifetimeOf(subject, TTL)
  const head = [
    'oc1',
    'j--',
    Date.now(),
    TTL,
    0,
    0,
    0,
    body.length,
    ids.map((id) => id ?? '').join(),
    `#${tags.join()}`,
  ]
  return `${head.join(' ')}\n${body}`
}

/** The value, where all its generations stand. */
function readVersion(stored: string, ids: readonly (string | null)[]): number {
  const newline = stored.indexOf('\n')
  const generations = stored.slice(0, newline).split(' ')[GENERATIONS_AT]
  return ids.includes(null) || generations !== ids.join() ? MISS : Number(stored.slice(newline + 1))
}

/** Among the words of the head. */
const GENERATIONS_AT = 8
