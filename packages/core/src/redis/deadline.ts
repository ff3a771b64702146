import type { Clock } from '../clock.js'
import type { Milliseconds } from '../types.js'

/** A timer that is later than this tells of a stalled event loop. */
const STALL: Milliseconds = 10

/**
 * Calls back when the time is up and what had arrived by then has been handled. By how much the timer itself was late the
 * event loop was stalled, which is no fault of Redis: that much time is given once more.
 *
 * @returns what cancels it
 */
export function atDeadline(clock: Clock, patience: Milliseconds, expired: () => void): () => void {
  const due = clock.precise() + patience
  const expire = (): void => clock.afterArrivals(expired)
  let cancel = clock.after(patience, () => {
    const stall = clock.precise() - due
    if (stall < STALL) expire()
    else cancel = clock.after(Math.min(stall, patience), expire)
  })
  return () => cancel()
}
