import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { PasswordThread } from './password-thread.js'

/** Wrong credentials that are remembered, so that a scraper which repeats its own costs nothing. */
const REMEMBERED = 100
/** Comparisons that wait. At some 60 ms each the last one waits two seconds. */
const MAX_WAITING = 32

/**
 * Basic authentication against bcrypt hashes, safe against floods of wrong credentials: what was right is remembered and
 * answered at once, what is wrong waits for a slow thread, in a short line, with one place for each address. So whoever
 * floods gets in the way of nobody but himself.
 */
export class Passwords {
  readonly #hashes: ReadonlyMap<string, string>
  readonly #unknown: string
  readonly #thread = new PasswordThread()
  /** Instead of the passwords themselves. */
  readonly #secret = randomBytes(32)
  readonly #right = new Map<string, Buffer>()
  readonly #wrong = new Set<string>()
  readonly #comparing = new Map<string, Promise<boolean>>()
  readonly #addresses = new Set<string>()

  /** @param hashes by user */
  constructor(hashes: ReadonlyMap<string, string>) {
    this.#hashes = hashes
    const [some = ''] = hashes.values()
    // Nobody's hash, of the same cost: an unknown user takes as long as a wrong password.
    this.#unknown = some.slice(0, '$2b$10$'.length) + '.'.repeat(53)
  }

  /** `undefined`: there is no room to find out; ask again later. */
  async check(user: string, password: string, address: string): Promise<boolean | undefined> {
    const digest = createHmac('sha256', this.#secret)
      .update(JSON.stringify([user, password]))
      .digest()
    const right = this.#right.get(user)
    if (right !== undefined && timingSafeEqual(right, digest)) return true
    const key = digest.toString('base64')
    if (this.#wrong.has(key)) return false
    const comparing = this.#comparing.get(key)
    if (comparing !== undefined) return comparing
    if (this.#addresses.has(address) || this.#comparing.size >= MAX_WAITING) return undefined
    return this.#compare(user, password, digest, address)
  }

  async close(): Promise<void> {
    await this.#thread.close()
  }

  async #compare(user: string, password: string, digest: Buffer, address: string): Promise<boolean> {
    const key = digest.toString('base64')
    const comparing = this.#thread.compare(password, this.#hashes.get(user) ?? this.#unknown)
    this.#comparing.set(key, comparing)
    this.#addresses.add(address)
    try {
      const isRight = await comparing
      if (isRight) this.#right.set(user, digest)
      else this.#rememberWrong(key)
      return isRight
    } finally {
      this.#comparing.delete(key)
      this.#addresses.delete(address)
    }
  }

  #rememberWrong(key: string): void {
    this.#wrong.add(key)
    const [oldest] = this.#wrong
    if (this.#wrong.size > REMEMBERED && oldest !== undefined) this.#wrong.delete(oldest)
  }
}
