import cluster, { type Worker } from 'node:cluster'
import { diag } from '@opentelemetry/api'
import { within } from '../deadline.js'
import type { Collect, Families, Family } from '../exposition/family.js'
import { addFamily } from '../exposition/sum.js'
import type { Address } from '../options.js'
import { decode, isOurs, type ToPrimary, type ToWorker } from './messages.js'

/** The share of a scrape's time in which workers must have answered. */
const OF_THE_TIMEOUT = 0.8

interface Member {
  readonly worker: Worker
  /** What it last told: true for its counters until it tells more. */
  last: Families
  /** Whether it owes an answer: until it comes, the worker is neither waited for nor asked again. */
  isSilent: boolean
}

interface Answer {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * Sums what the primary and its workers of a `node:cluster` have collected. No counter falls: a worker that does not
 * answer counts as it last did, and what one had counted stays when it has gone.
 */
export class ClusterPrimary {
  readonly #collectOwn: Collect
  readonly #members = new Map<number, Member>()
  readonly #departed: Families = new Map()
  readonly #awaited = new Map<string, Answer>()
  #address: Address | undefined
  #collections = 0

  constructor(collectOwn: Collect) {
    this.#collectOwn = collectOwn
  }

  /** @param address what workers are told that is listened on */
  start(address: Address | undefined): void {
    this.#address = address
    cluster.on('message', this.#onMessage).on('disconnect', this.#onGone)
    for (const worker of Object.values(cluster.workers ?? {})) {
      if (worker !== undefined) send(worker, { otelCacheExporter: 'who is there' })
    }
  }

  stop(): void {
    cluster.off('message', this.#onMessage).off('disconnect', this.#onGone)
  }

  readonly collect: Collect = async (timeout) => {
    const id = ++this.#collections
    const members = [...this.#members.values()]
    const [own] = await Promise.all([
      this.#collectOwn(timeout),
      ...members.map((member) => this.#ask(member, id, timeout * OF_THE_TIMEOUT)),
    ])
    const all: Families = new Map()
    // Looked up again: who has gone meanwhile is among the departed now.
    for (const families of [own, this.#departed, ...Array.from(this.#members.values(), ({ last }) => last)]) {
      for (const family of families.values()) addFamily(all, family)
    }
    return all
  }

  async #ask(member: Member, id: number, timeout: number): Promise<void> {
    if (member.isSilent) return
    const { worker } = member
    const key = `${worker.id} ${id}`
    const answer = new Promise<void>((resolve, reject) => {
      this.#awaited.set(key, { resolve, reject })
    })
    send(worker, { otelCacheExporter: 'collect', id, timeout })
    try {
      await within(timeout, answer)
    } catch (error) {
      if (error instanceof AggregateError) throw error
      diag.warn(`otel-cache: worker ${worker.id} tells no metrics; it counts as it last did [OTEL_CACHE_WORKER_SILENT]`)
      member.isSilent = true
    } finally {
      this.#awaited.delete(key)
    }
  }

  readonly #onMessage = (worker: Worker, message: unknown): void => {
    if (!isOurs(message)) return
    const told: ToPrimary = message
    const member = this.#members.get(worker.id)
    if (member !== undefined) member.isSilent = false
    if (told.otelCacheExporter === 'hello') {
      if (member === undefined) this.#members.set(worker.id, { worker, last: new Map(), isSilent: false })
      send(worker, { otelCacheExporter: 'welcome', address: this.#address })
    } else if (told.otelCacheExporter === 'failed') {
      this.#awaited
        .get(`${worker.id} ${told.id}`)
        ?.reject(new AggregateError([], `worker ${worker.id} could not collect`))
    } else {
      if (member !== undefined && told.families !== undefined) member.last = decode(told.families)
      if (told.otelCacheExporter === 'goodbye') this.#onGone(worker)
      else this.#awaited.get(`${worker.id} ${told.id}`)?.resolve()
    }
  }

  /** Keeps what it had counted. What it had is gone: gauges, and what goes up and down. */
  readonly #onGone = (worker: Worker): void => {
    const member = this.#members.get(worker.id)
    this.#members.delete(worker.id)
    for (const family of member?.last.values() ?? []) {
      if (family.type === 'counter' || family.type === 'histogram') addFamily(this.#departed, bare(family))
    }
    for (const [key, { resolve }] of this.#awaited) if (key.startsWith(`${worker.id} `)) resolve()
  }
}

/** Without exemplars, which would pile up. */
function bare(family: Family): Family {
  const values = Array.from(family.series, ([labels, value]) => {
    return [labels, typeof value === 'number' ? value : { ...value, exemplars: [] }] as const
  })
  return { ...family, series: new Map(values) }
}

function send(worker: Worker, message: ToWorker): void {
  // It may be dying: then its `disconnect` follows.
  worker.send(message, undefined, () => {})
}
