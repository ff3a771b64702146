import type { RedisLike } from '../types.js'

/** The states of a client whose first attempt to connect has not ended. */
const BEFORE: ReadonlySet<string> = new Set(['wait', 'connecting', 'connect'])
const ENDS = ['ready', 'close', 'end']

/**
 * A client's first attempt to connect: until it has ended, one way or the other, calls wait for it. However many caches
 * use the client, it gets one set of listeners, which goes with the attempt or with the last of them.
 */
export class FirstAttempt {
  static readonly #underWay = new WeakMap<RedisLike, FirstAttempt>()
  readonly end: Promise<void>
  hasEnded = false
  #users = 0
  #finish: () => void = () => {}

  static of(client: RedisLike): FirstAttempt {
    const attempt = FirstAttempt.#underWay.get(client) ?? new FirstAttempt(client)
    attempt.#users += 1
    return attempt
  }

  private constructor(client: RedisLike) {
    this.end = new Promise((resolve) => {
      this.#finish = () => {
        for (const event of ENDS) client.off(event, this.#finish)
        FirstAttempt.#underWay.delete(client)
        this.hasEnded = true
        resolve()
      }
    })
    if (BEFORE.has(client.status)) {
      FirstAttempt.#underWay.set(client, this)
      for (const event of ENDS) client.on(event, this.#finish)
    } else {
      this.#finish()
    }
  }

  /** A cache that used it is closed. */
  leave(): void {
    this.#users -= 1
    if (this.#users === 0 && !this.hasEnded) this.#finish()
  }
}
