import { Buffer } from 'node:buffer'
import { describe, InvalidValueError } from './errors.js'
import { isWellFormed } from './keys.js'
import type { Codec } from './types.js'

/** What a codec made of a value: what travels to Redis. */
export type Encoded = string | Uint8Array

/**
 * A value as it is held for callers: shared, then it is deeply frozen; or to be copied, then it is the encoded form, from
 * which each caller's own is decoded.
 */
export interface HeldValue {
  readonly shared: boolean
  readonly value: unknown
}

/** A value as it will be stored and seen. */
export interface AcceptedValue {
  readonly encoded: Encoded
  readonly held: HeldValue
  /** What callers will see is `null`, which has a lifetime of its own. */
  readonly isNull: boolean
}

const JSON_CODEC: Codec = {
  encode(value) {
    const text: string | undefined = JSON.stringify(value)
    if (text === undefined) throw new TypeError(`JSON has no form for a ${typeof value}`)
    return text
  },
  decode: (stored) => JSON.parse(stored as string),
}

/**
 * The rule that makes a value look the same whichever tier answers: callers get what the codec gives back, never the
 * object that went in.
 */
export class Values {
  readonly #isJson: boolean
  readonly #codec: Codec
  readonly #copies: boolean

  constructor(codec: Codec | undefined, mode: 'frozen' | 'copy') {
    this.#isJson = codec === undefined
    this.#codec = codec ?? JSON_CODEC
    this.#copies = mode === 'copy'
  }

  /** Whether all callers have one value, whatever it is: another codec's may be what cannot be frozen. */
  get areShared(): boolean {
    return this.#isJson && !this.#copies
  }

  #encode(key: string, value: unknown): Encoded {
    if (value === undefined) throw new InvalidValueError(`${ofKey(key)} must not be undefined; delete the key instead`)
    let isPromise = false
    try {
      isPromise = isThenable(value)
      const encoded = isPromise ? undefined : this.#codec.encode(value)
      isThenable(encoded)
      if (typeof encoded === 'string' && (this.#isJson || isWellFormed(encoded))) return encoded
      // A codec may give back the caller's own bytes.
      if (encoded instanceof Uint8Array) return new Uint8Array(encoded)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : describe(cause)
      throw new InvalidValueError(`${ofKey(key)} cannot be encoded: ${reason}`, { cause })
    }
    if (isPromise) throw new InvalidValueError(`${ofKey(key)} must not be a promise; await it`)
    throw new InvalidValueError(
      `${ofKey(key)} cannot be encoded: the codec must return well-formed text or a Uint8Array`,
    )
  }

  /** A value as callers will see it, with its encoded form. Throws InvalidValueError. */
  accept(key: string, value: unknown): AcceptedValue {
    const encoded = this.#encode(key, value)
    try {
      const held = this.hold(encoded)
      return { encoded, held, isNull: this.take(held) === null }
    } catch (cause) {
      const what = `${ofKey(key)} cannot be decoded again by the codec that encoded it`
      throw new InvalidValueError(what, { cause })
    }
  }

  /** The stored form's marker of what is not packed: `j` for JSON, `t` and `b` for another codec's text and bytes. */
  marker(encoded: Encoded): string {
    return this.#isJson ? 'j--' : typeof encoded === 'string' ? 't--' : 'b--'
  }

  /** Whether this codec wrote it. */
  reads(marker: string): boolean {
    return this.#isJson ? marker === 'j--' : marker === 't--' || marker === 'b--'
  }

  /** Throws what the codec throws. */
  hold(encoded: Encoded): HeldValue {
    if (this.#copies) return { shared: false, value: encoded }
    const value = this.#decode(encoded)
    if (this.#isJson) freezeJson(value)
    else if (!freezeDeeply(value, new Set())) return { shared: false, value: encoded }
    return { shared: true, value }
  }

  /** One caller's value. */
  take(held: HeldValue): unknown {
    return held.shared ? held.value : this.#decode(held.value as Encoded)
  }

  /** A codec may give out the very bytes that it is given. */
  #decode(encoded: Encoded): unknown {
    const value = this.#codec.decode(typeof encoded === 'string' ? encoded : new Uint8Array(encoded))
    if (!isThenable(value)) return value
    throw new InvalidValueError('the codec must not return a promise')
  }
}

/** In messages. */
function ofKey(key: string): string {
  return `the value of ${describe(key)}`
}

/** Whether it is a promise. It is refused then and nobody waits for it, so that its rejection would be unhandled. */
function isThenable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (typeof (value as { then?: unknown }).then !== 'function') return false
  Promise.resolve(value).catch(() => {})
  return true
}

/** What JSON.parse made is a tree of plain objects and arrays. */
function freezeJson(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) freezeJson(value[index])
  } else {
    for (const name in value) {
      const member = (value as Record<string, unknown>)[name]
      if (typeof member === 'object') freezeJson(member)
    }
  }
  Object.freeze(value)
}

/** False where something in it cannot be frozen: a Date, a Map, bytes, an object of a class. */
function freezeDeeply(value: unknown, seen: Set<unknown>): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return false
  seen.add(value)
  Object.freeze(value)
  return Reflect.ownKeys(value).every((name) => freezeDeeply((value as Record<PropertyKey, unknown>)[name], seen))
}

/** Bytes on the wire and in Redis. */
export function byteLength(encoded: Encoded): number {
  return typeof encoded === 'string' ? Buffer.byteLength(encoded) : encoded.byteLength
}
