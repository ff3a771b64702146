import type { Milliseconds } from '../types.js'

/**
 * Redis's clock in terms of this process's. Lifetimes run on Redis's clock once stored there, so what is read there has to
 * be translated. Each sample errs by at most its round trip, and towards "later in Redis": entries expire early, not late.
 */
export class RedisClock {
  #ahead: Milliseconds | undefined
  #atLeastAhead: Milliseconds = 0
  #sampledAt = Number.NEGATIVE_INFINITY

  /** A sample this old is taken again with the next read: clocks are slewed and servers fail over. */
  static readonly MAX_AGE: Milliseconds = 1_000

  needsSample(now: Milliseconds): boolean {
    return now - this.#sampledAt >= RedisClock.MAX_AGE
  }

  /** Redis said `instant` in reply to something sent at `sentAt`. */
  sample(instant: Milliseconds, sentAt: Milliseconds, receivedAt: Milliseconds): void {
    this.#ahead = instant - sentAt
    this.#atLeastAhead = instant - receivedAt
    this.#sampledAt = sentAt
  }

  /**
   * An instant of this process's clock on Redis's, in whole milliseconds and not later than it is: what gives up then has
   * to be refused. Between a sample's sending and its answer the client may have tried again for long, and kept it to
   * itself. Undefined while nothing is known.
   */
  toRedis(instant: Milliseconds): Milliseconds | undefined {
    return this.#ahead === undefined ? undefined : Math.floor(instant + this.#atLeastAhead)
  }

  /** As what is stored now is to be stamped: not later than it is in Redis, or it would last longer than it may. */
  stamp(now: Milliseconds): Milliseconds | undefined {
    return this.toRedis(now)
  }

  /** An instant of Redis's on this process's clock; long past while nothing is known. */
  toLocal(instant: Milliseconds): Milliseconds {
    return this.#ahead === undefined ? Number.NEGATIVE_INFINITY : instant - this.#ahead
  }
}

/** The reply of TIME in milliseconds. */
export function readTime(reply: unknown): Milliseconds | undefined {
  if (!Array.isArray(reply)) return undefined
  const instant = Number(reply[0]) * 1_000 + Number(reply[1]) / 1_000
  return Number.isFinite(instant) ? instant : undefined
}
