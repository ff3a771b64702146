/**
 * A codec for what JSON cannot say. Wants `npm install devalue`.
 *
 * @module @otel-cache/core/codecs/structured
 */
import { parse, stringify } from 'devalue'
import type { Codec } from '../types.js'

/**
 * JSON for what JSON has no words for: `undefined`, `NaN`, `-0`, `BigInt`, `Date`, `Map`, `Set`, `RegExp`, `URL`, typed arrays,
 * holes, objects that occur twice or contain themselves. By devalue (`npm install devalue`), as text. Objects of classes,
 * functions and symbols are refused, not changed.
 *
 * @example
 * import { structuredCodec } from '@otel-cache/core/codecs/structured'
 * const cache = createCache({ name: 'users', redis, codec: structuredCodec })
 */
export const structuredCodec: Codec = {
  encode: (value) => stringify(value, undefined, { operations: { viewInfo } }),
  decode: (stored) => parse(stored as string),
}

/** A view is stored with its own bytes alone: what else lies in its buffer may be no business of Redis's. */
function viewInfo(view: ArrayBufferView & { readonly length?: number }) {
  const { byteOffset, byteLength, length } = view
  const buffer = view.buffer.slice(byteOffset, byteOffset + byteLength)
  return { buffer, byteOffset: 0, byteLength, bufferByteLength: byteLength, ...(length !== undefined && { length }) }
}
