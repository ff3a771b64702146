import { isUtf8 } from 'node:buffer'
import type { Place } from '../place.js'
import { byteLength, type Encoded } from '../values.js'
import { type Algorithm, compress, decompress } from './compress.js'
import { Keyring } from './encrypt.js'

/** What a codec made of a value, and what was done to that since. */
export interface Packed {
  /** The codec's letter, the compression's, and the id of the key; `-` for none: `j--`, `tb-`, `jg2025-11`. */
  readonly marker: string
  readonly body: Encoded
}

export interface PackingOptions {
  readonly compression: { readonly algorithm: Algorithm; readonly threshold: number } | undefined
  readonly encryption: { readonly current: string; readonly keys: Readonly<Record<string, Uint8Array>> } | undefined
  readonly maxValueBytes: number
}

const NONE = '-'
const PLAIN: string = NONE + NONE
const BYTES = 'b'
/** A value is compressed, and what is decompressed believed, up to so many times `maxValueBytes`, or this much. */
const MOST_TIMES = 16
const MOST_BYTES = 16_777_216

/**
 * What values go through on their way to Redis and back, where options ask for it: compressed first, because what is
 * encrypted has no patterns left. Memory holds them as their codec made them.
 */
export class Packing {
  readonly #compression: PackingOptions['compression']
  readonly #keyring: Keyring | undefined
  readonly #most: number
  readonly #nameOf: (place: Place) => string

  /** @param nameOf the whole name of a value in Redis */
  constructor({ compression, encryption, maxValueBytes }: PackingOptions, nameOf: (place: Place) => string) {
    this.#compression = compression
    this.#keyring = encryption && new Keyring(encryption.current, encryption.keys)
    this.#most = Math.max(MOST_TIMES * maxValueBytes, MOST_BYTES)
    this.#nameOf = nameOf
  }

  async pack(place: Place, { marker: plain, body }: Packed): Promise<Packed> {
    const [compression, packed] = await this.#compress(body)
    const marker = plain.charAt(0) + compression + (this.#keyring?.current ?? NONE)
    return { marker, body: this.#keyring?.seal(bytesOf(packed), this.#bound(place, marker)) ?? packed }
  }

  /** Throws for what is damaged, forged, another name's, under an unknown key, or a bomb. */
  async unpack(place: Place, stored: Packed): Promise<Packed> {
    const { marker, body } = stored
    const [codec, compression, keyId] = [marker.charAt(0), marker.charAt(1), marker.slice(2)]
    if (this.#keyring === undefined && compression + keyId === PLAIN) return stored
    // Where values are encrypted, those that are not are refused as well: anybody may have written them.
    if (this.#keyring === undefined && keyId !== NONE) throw new Error('it is encrypted')
    const opened = this.#keyring?.open(keyId, bytesOf(body), this.#bound(place, marker)) ?? bytesOf(body)
    const bytes = compression === NONE ? opened : await decompress(compression, opened, this.#most)
    // Copied, because it may be a part of a larger buffer, which would be kept alive with it.
    if (codec === BYTES) return { marker: codec + PLAIN, body: new Uint8Array(bytes) }
    if (!isUtf8(bytes)) throw new Error('it is no text')
    return { marker: codec + PLAIN, body: bytes.toString() }
  }

  async #compress(body: Encoded): Promise<readonly [letter: string, body: Encoded]> {
    if (this.#compression === undefined) return [NONE, body]
    const { algorithm, threshold } = this.#compression
    const length = byteLength(body)
    if (length < threshold || length > this.#most) return [NONE, body]
    const compressed = await compress(algorithm, bytesOf(body))
    return compressed === undefined ? [NONE, body] : [algorithm.letter, compressed]
  }

  /**
   * What is encrypted is opened under its own name and marker alone. The rest of the head cannot be bound: scripts put in
   * the instant and the generations when Redis stores a value, and `expire` changes its lifetimes there. So whoever can
   * write to Redis reads nothing, makes up nothing and moves nothing from key to key; but he can bring back what the key
   * itself held before, and make it last.
   */
  #bound(place: Place, marker: string): string {
    return `${marker} ${this.#nameOf(place)}`
  }
}

/** The same bytes, or those of a text. */
function bytesOf(encoded: Encoded): Buffer {
  if (typeof encoded === 'string') return Buffer.from(encoded)
  return Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength)
}
