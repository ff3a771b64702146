/**
 * A codec for bytes that are kept as they are.
 *
 * @module @otel-cache/core/codecs/bytes
 */
import type { Codec } from '../types.js'

/**
 * Bytes as they are, for what is encoded already: images, documents, another library's messages. Takes a `Uint8Array`,
 * which a `Buffer` is, and gives a `Buffer`, which is a `Uint8Array`: so callers get what they can use, whichever of the two
 * their loader returns. All else is refused.
 *
 * @example
 * import { readFile } from 'node:fs/promises'
 * import { bytesCodec } from '@otel-cache/core/codecs/bytes'
 * const cache = createCache({ name: 'thumbnails', redis, codec: bytesCodec })
 * const image = await cache.getOrSet('42', () => readFile('42.png'))
 */
export const bytesCodec: Codec = {
  encode(value) {
    if (value instanceof Uint8Array) return value
    throw new TypeError('it is no Uint8Array')
  },
  decode(stored) {
    if (typeof stored === 'string') throw new TypeError('it is text')
    return Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  },
}
