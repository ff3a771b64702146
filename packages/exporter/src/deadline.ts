/** Something did not happen in time. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
}

/** What a promise comes to, or a `DeadlineError` after so many milliseconds. Keeps no process alive. */
export async function within<T>(timeout: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`not within ${timeout} ms`)), timeout).unref()
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
