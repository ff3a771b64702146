import type { Clock } from '../clock.js'
import type { Milliseconds } from '../types.js'
import { untraced } from '../untraced.js'
import type { CircuitBreaker } from './circuit-breaker.js'

/** Between two attempts, less a random share of up to a half: the processes of a fleet must not come all at once. */
const PAUSE: Milliseconds = 400

export interface RecoveryActions {
  /** Whether there is something to recover from. */
  isNeeded(): boolean
  /** Whether the client could carry a command. */
  isConnected(): boolean
  /** Asks Redis whether it is there, however long that takes. Never rejects. */
  ping(): Promise<boolean>
  /** Has deleted what is unconfirmed, as far as Redis lets it. Never rejects. */
  replay(): Promise<void>
}

/**
 * What goes on in the background after failures: one probe at a time while the breaker is open, and the replay of what
 * is unconfirmed, until all is well again.
 */
export class Recovery {
  readonly #breaker: CircuitBreaker
  readonly #actions: RecoveryActions
  readonly #clock: Clock
  readonly #random: () => number
  /** How long a probe may take until Redis counts as not back. */
  readonly #patience: Milliseconds
  #isRunning = false
  #isClosed = false
  #isProbing = false
  #endPause: () => void = () => {}
  #endProbe: () => void = () => {}

  constructor(
    breaker: CircuitBreaker,
    actions: RecoveryActions,
    clock: Clock,
    random: () => number,
    patience: Milliseconds,
  ) {
    this.#breaker = breaker
    this.#actions = actions
    this.#clock = clock
    this.#random = random
    this.#patience = patience
  }

  /** There is something to recover from. */
  begin(): void {
    if (!this.#isRunning && this.#hasWork) untraced(() => this.#run())
  }

  /** There is a reason to think that it can be done now. */
  wake(): void {
    this.#endPause()
    this.begin()
  }

  close(): void {
    this.#isClosed = true
    this.#endPause()
    this.#endProbe()
  }

  get #hasWork(): boolean {
    return !this.#isClosed && this.#actions.isNeeded()
  }

  async #run(): Promise<void> {
    const { isConnected, replay } = this.#actions
    this.#isRunning = true
    while (this.#hasWork) {
      if (isConnected()) {
        if (!this.#breaker.isClosed) await this.#probe()
        if (this.#breaker.isClosed) await replay()
      }
      if (this.#hasWork) await this.#pause()
    }
    this.#isRunning = false
  }

  /** One at a time; its answer counts whenever it comes. */
  async #probe(): Promise<void> {
    if (this.#isProbing) return
    this.#isProbing = true
    this.#breaker.halfOpen()
    const answer = this.#actions.ping().then((isBack) => {
      this.#isProbing = false
      if (isBack) this.#breaker.close()
      else this.#breaker.open()
      this.wake()
    })
    const late = new Promise<void>((resolve) => {
      const cancel = this.#clock.after(this.#patience, resolve)
      this.#endProbe = () => {
        cancel()
        resolve()
      }
    })
    await Promise.race([answer, late])
    this.#endProbe()
    if (this.#isProbing) this.#breaker.open()
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(PAUSE * (1 - this.#random() / 2), resolve)
      this.#endPause = () => {
        cancel()
        resolve()
      }
    })
  }
}
