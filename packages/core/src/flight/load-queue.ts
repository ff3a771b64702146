import { OverloadedError } from '../errors.js'

/** A place under the cap on loads, or in the queue for one. */
export interface Ticket {
  /** Resolves when the load may begin; rejects where the queue is full. */
  readonly admitted: Promise<void>
  /** Lets it in at once, beside the cap. */
  admit(): void
  /** The load has ended, or nobody wants it any more. */
  done(): void
}

/** How many loads may wait. More would be growth without bound while an origin hangs. */
const MAX_QUEUED = 10_000

/** Protects the origin: at most so many loads at once, first come first served. */
export class LoadQueue {
  readonly #cap: number
  #running = 0
  /** In the order of arrival: a Set forgets those who gave up in constant time. */
  readonly #queue = new Set<() => void>()

  constructor(cap: number | undefined) {
    this.#cap = cap ?? Number.POSITIVE_INFINITY
  }

  get isCapped(): boolean {
    return this.#cap !== Number.POSITIVE_INFINITY
  }

  /** @param urgent a load that holds a place waits for this one, which then must not wait for a place */
  enter(urgent: boolean): Ticket {
    let state: 'queued' | 'running' | 'done' = 'queued'
    let start!: () => void
    let refuse!: (error: Error) => void
    const admitted = new Promise<void>((resolve, reject) => {
      start = resolve
      refuse = reject
    })
    const run = (): void => {
      this.#queue.delete(run)
      if (state !== 'queued') return
      state = 'running'
      this.#running += 1
      start()
    }
    const done = (): void => {
      if (state === 'running') this.#running -= 1
      state = 'done'
      this.#queue.delete(run)
      for (const next of this.#queue) {
        if (this.#running >= this.#cap) break
        next()
      }
    }
    if (urgent || this.#running < this.#cap) run()
    else if (this.#queue.size < MAX_QUEUED) this.#queue.add(run)
    else {
      state = 'done'
      refuse(new OverloadedError(MAX_QUEUED))
    }
    return { admitted, admit: run, done }
  }

  get queued(): number {
    return this.#queue.size
  }
}
