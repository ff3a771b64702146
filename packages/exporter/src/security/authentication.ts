import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { diag } from '@opentelemetry/api'
import type { Reply } from '../port/reply.js'
import { Passwords } from './passwords.js'

export interface AuthenticationSettings {
  /** bcrypt hashes by user. */
  readonly basicAuthUsers: ReadonlyMap<string, string>
  readonly bearerToken: string | undefined
}

/** Says who may read the metrics: whoever shows one of the users' passwords or the token; everybody where there is neither. */
export class Authentication {
  readonly #passwords: Passwords | undefined
  readonly #token: Buffer | undefined
  readonly #challenges: string[] = []

  constructor({ basicAuthUsers, bearerToken }: AuthenticationSettings) {
    if (basicAuthUsers.size > 0) {
      this.#passwords = new Passwords(basicAuthUsers)
      this.#challenges.push('Basic realm="metrics", charset="UTF-8"')
    }
    if (bearerToken !== undefined) {
      this.#token = digest(bearerToken)
      this.#challenges.push('Bearer realm="metrics"')
    }
  }

  /** Why a request is not answered; `undefined` where it may be. */
  async refuse({ headers, socket }: IncomingMessage): Promise<Reply | undefined> {
    if (this.#challenges.length === 0) return undefined
    const [, scheme = '', credentials = ''] = /^(\S+) +(\S+) *$/.exec(headers.authorization ?? '') ?? []
    switch (scheme.toLowerCase()) {
      case 'bearer':
        if (this.#token !== undefined && timingSafeEqual(this.#token, digest(credentials))) return undefined
        break
      case 'basic':
        if (this.#passwords !== undefined) return this.#refuseBasic(this.#passwords, credentials, socket.remoteAddress)
    }
    return this.#unauthorized()
  }

  async close(): Promise<void> {
    await this.#passwords?.close()
  }

  async #refuseBasic(passwords: Passwords, credentials: string, address = ''): Promise<Reply | undefined> {
    const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(credentials, 'base64').toString()) ?? []
    if (user === undefined || password === undefined) return this.#unauthorized()
    try {
      const isRight = await passwords.check(user, password, address)
      if (isRight === undefined) return BUSY
      return isRight ? undefined : this.#unauthorized()
    } catch (error) {
      diag.error('otel-cache: a password could not be compared [OTEL_CACHE_PASSWORD_NOT_COMPARED]', error)
      return { status: 503, body: 'the credentials could not be checked\n' }
    }
  }

  #unauthorized(): Reply {
    return { status: 401, headers: { 'WWW-Authenticate': this.#challenges }, body: 'unauthorized\n' }
  }
}

const BUSY: Reply = {
  status: 429,
  headers: { 'Retry-After': '1' },
  body: 'too many credentials to check at once\n',
}

/** Of equal length whatever was sent, as the comparison wants it. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
