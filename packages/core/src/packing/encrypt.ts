import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
/** Of 24 random bytes the first 12 make the message's key, the rest are its nonce. */
const RANDOM_LENGTH = 24
const NONCE_AT = 12
const TAG_LENGTH = 16

/**
 * AES-256-GCM, every message under a key of its own. A nonce that comes twice under one key gives both messages away, and
 * lets anybody forge others. With random nonces, of 96 bits, a key bears 2^32 messages (NIST SP 800-38D, 8.3), which a
 * busy fleet has written in days; counters would have to be shared by the fleet, and a process restored from a snapshot
 * counts twice. So there are 192 random bits to a message: half of them make its key by HKDF-Expand (RFC 5869, 2.3; no
 * Extract, for keys are random already), half are its nonce. That both come twice in 2^80 messages is as unlikely as that
 * a nonce alone does in 2^32. They are drawn for each message, never ahead: a snapshot would hold what was.
 *
 * Sealed: the random bytes, the message encrypted, the tag.
 */
export class Keyring {
  /** The id of the key that writes. */
  readonly current: string
  readonly #keys: ReadonlyMap<string, KeyObject>

  constructor(current: string, keys: Readonly<Record<string, Uint8Array>>) {
    this.current = current
    // Copies: what the application does to its own does not concern them.
    this.#keys = new Map(Object.entries(keys).map(([id, key]) => [id, createSecretKey(key)]))
  }

  /** @param bound what has to be the same when it is opened */
  seal(message: Buffer, bound: string): Buffer {
    const random = randomBytes(RANDOM_LENGTH)
    const cipher = createCipheriv(CIPHER, this.#keyOf(random, this.current), random.subarray(NONCE_AT))
    cipher.setAAD(Buffer.from(bound))
    return Buffer.concat([random, cipher.update(message), cipher.final(), cipher.getAuthTag()])
  }

  /** Throws for all that has not been sealed by the key of that id, bound to just that. */
  open(id: string, sealed: Buffer, bound: string): Buffer {
    const random = sealed.subarray(0, RANDOM_LENGTH)
    const decipher = createDecipheriv(CIPHER, this.#keyOf(random, id), random.subarray(NONCE_AT), {
      authTagLength: TAG_LENGTH,
    })
    decipher.setAAD(Buffer.from(bound))
    decipher.setAuthTag(sealed.subarray(-TAG_LENGTH))
    const message = decipher.update(sealed.subarray(RANDOM_LENGTH, -TAG_LENGTH))
    // Nothing comes of it but the check of the tag.
    decipher.final()
    return message
  }

  #keyOf(random: Buffer, id: string): KeyObject {
    const key = this.#keys.get(id)
    if (key === undefined) throw new Error('an unknown key')
    const hmac = createHmac('sha256', key).update('otel-cache').update(random.subarray(0, NONCE_AT)).update('\x01')
    // Node.js 24 takes seven times as long over a key that is bytes.
    return createSecretKey(hmac.digest())
  }
}
