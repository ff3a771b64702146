import type { LoadContext } from '../types.js'
import type { Cancellation } from './run-loader.js'

/** What a loader is told. The signal and the stale value are made for those who look at them. */
export class LoaderContext implements LoadContext<unknown> {
  readonly key: string
  readonly #cancellation: Cancellation
  readonly #stale: () => unknown

  constructor(key: string, cancellation: Cancellation, stale: () => unknown) {
    this.key = key
    this.#cancellation = cancellation
    this.#stale = stale
  }

  get signal(): AbortSignal {
    return this.#cancellation.signal
  }

  get stale(): unknown {
    return this.#stale()
  }
}

/** The same for a batch. */
export class BatchContext {
  readonly #cancellation: Cancellation

  constructor(cancellation: Cancellation) {
    this.#cancellation = cancellation
  }

  get signal(): AbortSignal {
    return this.#cancellation.signal
  }
}
