import type { Clock } from '../clock.js'
import { LoadTimeoutError } from '../errors.js'
import type { Lifetime, LoadContext, Loader, Milliseconds } from '../types.js'
import { LifetimeResult } from './load-result.js'

/** What became of a load. */
export type Loaded =
  | {
      readonly kind: 'value'
      readonly value: unknown
      readonly lifetime: Lifetime | undefined
      readonly duration: Milliseconds
    }
  | { readonly kind: 'error'; readonly error: unknown; readonly duration: Milliseconds }
  | { readonly kind: 'timeout'; readonly error: LoadTimeoutError; readonly duration: Milliseconds }

/** Runs a loader no longer than its deadline, which aborts its signal; what it returns later is dropped. Never rejects. */
export function runLoader(
  loader: Loader<unknown>,
  context: Omit<LoadContext<unknown>, 'signal'>,
  abort: AbortController,
  timeout: Milliseconds,
  clock: Clock,
): Promise<Loaded> {
  const started = clock.precise()
  const since = (): Milliseconds => clock.precise() - started
  return new Promise((resolve) => {
    const cancel = clock.after(timeout, () => {
      const error = new LoadTimeoutError(context.key, timeout)
      resolve({ kind: 'timeout', error, duration: since() })
      abort.abort(error)
    })
    // In a promise's callback, so that a loader which throws at once and one which rejects are one case.
    new Promise((done) => {
      done(loader({ ...context, signal: abort.signal }))
    }).then(
      (result) => {
        cancel()
        const decided = result instanceof LifetimeResult
        resolve({
          kind: 'value',
          value: decided ? result.value : result,
          lifetime: decided ? result.lifetime : undefined,
          duration: since(),
        })
      },
      (error: unknown) => {
        cancel()
        resolve({ kind: 'error', error, duration: since() })
      },
    )
  })
}
