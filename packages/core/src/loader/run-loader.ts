import type { Clock } from '../clock.js'
import { LoadTimeoutError } from '../errors.js'
import type { Milliseconds } from '../types.js'

/** What became of a load. */
export type Loaded =
  | { readonly kind: 'loaded'; readonly values: readonly unknown[]; readonly duration: Milliseconds }
  | {
      readonly kind: 'failed'
      readonly error: unknown
      readonly reason: 'error' | 'timeout'
      /** Undefined where the loader was not called. */
      readonly duration: Milliseconds | undefined
    }

/** An AbortController that is made once somebody looks at its signal: most loaders never do. */
export class Cancellation {
  #controller: AbortController | undefined
  #aborted: { readonly reason: unknown } | undefined

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason)
    }
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason }
    this.#controller?.abort(reason)
  }
}

export interface LoaderCall {
  /** Calls the loader, for the value of each key. May throw. */
  readonly call: () => Promise<readonly unknown[]>
  /** When it may be called. */
  readonly admitted: Promise<void>
  /** What is loaded, for the error. */
  readonly keys: readonly string[]
  readonly timeout: Milliseconds
  readonly cancellation: Cancellation
}

/** A run of a loader under way. */
export interface LoaderRun {
  /** Never rejects. */
  readonly result: Promise<Loaded>
  /** Nobody waits any more: aborts the signal, and drops what is returned later. */
  giveUp(reason: unknown): void
}

/**
 * Runs a loader no longer than its deadline, the wait for its admission included. The deadline aborts its signal, and
 * what it returns later is dropped.
 */
export function runLoader({ call, admitted, keys, timeout, cancellation }: LoaderCall, clock: Clock): LoaderRun {
  let settle!: (loaded: Loaded) => void
  let settled = false
  let started: Milliseconds | undefined
  const result = new Promise<Loaded>((resolve) => {
    settle = (loaded) => {
      settled = true
      cancel()
      resolve(loaded)
    }
  })
  const fail = (error: unknown, reason: 'error' | 'timeout' = 'error'): void =>
    settle({ kind: 'failed', error, reason, duration: started === undefined ? undefined : clock.precise() - started })
  const cancel = clock.after(timeout, () => {
    const error = new LoadTimeoutError(keys, timeout)
    fail(error, 'timeout')
    cancellation.abort(error)
  })
  admitted
    .then(async () => {
      if (settled) return
      const begun = clock.precise()
      started = begun
      const values = await call()
      settle({ kind: 'loaded', values, duration: clock.precise() - begun })
    })
    .catch(fail)
  return {
    result,
    giveUp: (reason) => {
      if (settled) return
      fail(reason)
      cancellation.abort(reason)
    },
  }
}
