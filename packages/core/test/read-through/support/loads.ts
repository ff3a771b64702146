import type { LoadContext } from '../../../src/index.js'
import { deferred } from '../../support/until.js'

/** One run of a held loader, to be ended by the test. */
export interface HeldRun<T> {
  readonly context: LoadContext<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/** A loader whose runs stay open until the test ends them. */
export class HeldLoader<T> {
  readonly runs: Array<HeldRun<T>> = []
  #begun = deferred()

  readonly load = (context: LoadContext<T>): Promise<T> => {
    const { promise, resolve, reject } = deferred<T>()
    this.runs.push({ context, resolve, reject })
    this.#begun.resolve()
    this.#begun = deferred()
    return promise
  }

  /** The run of this number, from 1 on, once it is under way. */
  readonly run = async (number: number): Promise<HeldRun<T>> => {
    while (this.runs.length < number) await this.#begun.promise
    return this.runs[number - 1] as HeldRun<T>
  }
}

/** The same for many keys at once. */
export class HeldBatchLoader {
  readonly runs: Array<{
    readonly keys: readonly string[]
    readonly signal: AbortSignal
    readonly resolve: (values: ReadonlyArray<unknown> | ReadonlyMap<string, unknown>) => void
    readonly reject: (error: unknown) => void
  }> = []
  #begun = deferred()

  readonly load = (
    keys: readonly string[],
    { signal }: { readonly signal: AbortSignal },
  ): Promise<ReadonlyArray<unknown> | ReadonlyMap<string, unknown>> => {
    const { promise, resolve, reject } = deferred<ReadonlyArray<unknown> | ReadonlyMap<string, unknown>>()
    this.runs.push({ keys: [...keys], signal, resolve, reject })
    this.#begun.resolve()
    this.#begun = deferred()
    return promise
  }

  readonly run = async (number: number): Promise<HeldBatchLoader['runs'][number]> => {
    while (this.runs.length < number) await this.#begun.promise
    return this.runs[number - 1] as HeldBatchLoader['runs'][number]
  }
}

/** A loader that must not run. */
export function unexpected(): never {
  throw new Error('this loader was not to be called')
}
