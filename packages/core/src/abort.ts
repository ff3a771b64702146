/** Who waits for the abort of each signal. One listener a signal: a request's signal may be given to dozens of calls. */
const waiting = new WeakMap<AbortSignal, Abort>()

interface Abort {
  readonly actions: Set<() => void>
  readonly listener: () => void
}

/** The promise, or the signal's reason if that comes first; the promise itself goes on. */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  onAbort: (reason: unknown) => void,
): Promise<T> {
  let forget!: () => void
  const aborted = new Promise<never>((_, reject) => {
    forget = listen(signal, () => {
      reject(signal.reason)
      onAbort(signal.reason)
    })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    forget()
  }
}

function listen(signal: AbortSignal, action: () => void): () => void {
  const abort = waiting.get(signal) ?? listenOnce(signal)
  abort.actions.add(action)
  return () => {
    abort.actions.delete(action)
    if (abort.actions.size > 0) return
    signal.removeEventListener('abort', abort.listener)
    waiting.delete(signal)
  }
}

function listenOnce(signal: AbortSignal): Abort {
  const actions = new Set<() => void>()
  const listener = (): void => {
    for (const action of actions) action()
  }
  signal.addEventListener('abort', listener)
  const abort = { actions, listener }
  waiting.set(signal, abort)
  return abort
}
