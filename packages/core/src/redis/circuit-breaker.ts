import type { CircuitState } from '../outcome.js'

/** So many failures in a row open it. */
const LIMIT = 10

/**
 * Stops asking a Redis that fails, so that nobody waits for it. It does not close by itself: who opened it is told, and
 * finds out when Redis is back.
 */
export class CircuitBreaker {
  state: CircuitState = 'closed'
  /** Grows with each change: what was sent in an earlier era says nothing about this one. */
  era = 0
  readonly #onOpen: () => void
  #failures = 0

  constructor(onOpen: () => void) {
    this.#onOpen = onOpen
  }

  get isClosed(): boolean {
    return this.state === 'closed'
  }

  /** Redis answered. */
  succeeded(): void {
    this.#failures = 0
  }

  /**
   * @param era when it was asked
   * @param calls that failed together
   */
  failed(era: number, calls: number = 1): void {
    if (!this.isClosed || era !== this.era) return
    this.#failures += calls
    if (this.#failures < LIMIT) return
    this.open()
    this.#onOpen()
  }

  open(): void {
    this.#become('open')
  }

  halfOpen(): void {
    this.#become('half-open')
  }

  close(): void {
    this.#become('closed')
    this.#failures = 0
  }

  #become(state: CircuitState): void {
    if (state !== this.state) this.era += 1
    this.state = state
  }
}
