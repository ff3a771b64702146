import { type Buffer, constants, isUtf8 } from 'node:buffer'
import type { Span } from '../lifetime.js'
import type { Encoded } from '../values.js'

/**
 * The stored form, version 1: a line of ASCII, then the body as the codec made it, so that `redis-cli` shows both.
 *
 *   oc1 j-- 1763810000000 3600000 0 0 12 14 k3J9x-2bQfAa #news,sport
 *   {"name":"Ada"}
 *
 *   oc1        the magic, with the version
 *   j--        marker: codec (`j` JSON, `t` text, `b` bytes), then how it was packed, see packing.ts: compression (`-` none,
 *              `g` gzip, `b` brotli, `z` zstd), encryption (`-` none, or a key id)
 *   instants and durations in whole milliseconds, `-` for ever:
 *     stored at (Redis's clock), fresh for, stale-while-revalidate, stale-if-error, duration of the load
 *   length of the body in bytes, so that a truncated one is told from a short one
 *   generations: ids in the order of their names, see generations.ts
 *   #          tags, percent-encoded, sorted
 *
 * Stored bytes are an interface: a frozen sample of each version is in the tests.
 */
const MAGIC = 'oc1 '
const FOR_EVER = '-'
const MARKER_AT: number = MAGIC.length
const SHORTEST_MARKER = 3
const BYTES = 98
const NEWLINE = 10
const SPACE = 32
const MINUS = 45
const ZERO = 48
const NINE = 57
/** No instant and no duration has more, and every number of these is exact. */
const MOST_DIGITS = 15
const NO_TAGS: readonly string[] = Object.freeze([])

export interface StoredHead {
  /** Codec, compression and encryption: `j--`. */
  readonly marker: string
  readonly storedAt: number
  readonly span: Span
  readonly loadDuration: number
  /** Their ids, joined by commas. */
  readonly generations: string
  readonly tags: readonly string[]
}

export interface Stored extends StoredHead {
  readonly body: Encoded
  /** As stored, head included. */
  readonly bytes: number
}

/** The pieces between which the writing script puts `storedAt`, and the generations' ids; the body goes behind. */
export function writePieces(
  head: Omit<StoredHead, 'storedAt' | 'generations'>,
  length: number,
): readonly [beforeStoredAt: string, beforeGenerations: string, beforeBody: string] {
  const { fresh, staleWhileRevalidate, staleIfError } = head.span
  const durations = [fresh, staleWhileRevalidate, staleIfError, Math.ceil(head.loadDuration)].map(writeDuration)
  return [`${MAGIC}${head.marker} `, ` ${durations.join(' ')} ${length} `, ` ${writeTags(head.tags)}\n`]
}

/** Undefined for what is no version 1: never trust what is stored. */
export function readStored(stored: Buffer): Stored | undefined {
  // Nobody can read it, and the attempt would throw.
  if (stored.length > constants.MAX_STRING_LENGTH) return undefined
  const isBytes = !isPlainText(stored)
  const end = isBytes ? stored.indexOf(NEWLINE) : -1
  // One text for head and body where both are text: a decoding costs more than a hundred of its characters.
  const text = isBytes ? stored.toString('latin1', 0, end + 1) : stored.toString('utf8')
  const newline = text.indexOf('\n')
  if (newline === -1 || !text.startsWith(MAGIC)) return undefined
  const space = text.indexOf(' ', MARKER_AT)
  const ids = readNumbers(text, space + 1)
  const tags = text.indexOf(' #', ids)
  if (space < MARKER_AT + SHORTEST_MARKER || ids === -1 || tags === -1 || tags > newline) return undefined
  const span = { fresh: number(1), staleWhileRevalidate: number(2), staleIfError: number(3) }
  const storedAt = number(0)
  const loadDuration = number(4)
  // The head is ASCII: a character is a byte.
  if (number(5) !== stored.length - newline - 1) return undefined
  // A replacement character is there where bytes were no UTF-8, or because somebody stored one.
  if (!isBytes && text.includes('\ufffd') && !isUtf8(stored)) return undefined
  if (!Number.isFinite(storedAt + loadDuration)) return undefined
  return {
    marker: text.slice(MARKER_AT, space),
    storedAt,
    span,
    loadDuration,
    generations: text.slice(ids, tags),
    tags: tags + 2 === newline ? NO_TAGS : readTags(text.slice(tags + 2, newline)),
    // Bytes are copied: a part of the socket's buffer would keep the whole of it alive.
    body: isBytes ? new Uint8Array(stored.subarray(end + 1)) : text.slice(newline + 1),
    bytes: stored.length,
  }
}

/** Whether its body is text: no codec's bytes, neither compressed nor encrypted. */
function isPlainText(stored: Buffer): boolean {
  return (
    stored[MARKER_AT] !== BYTES &&
    stored[MARKER_AT + 1] === MINUS &&
    stored[MARKER_AT + 2] === MINUS &&
    stored[MARKER_AT + 3] === SPACE
  )
}

export function writeTags(tags: readonly string[]): string {
  return `#${tags.map(encodeURIComponent).join(',')}`
}

function writeDuration(duration: number): string {
  return duration === Infinity ? FOR_EVER : String(duration)
}

/** What `readNumbers` read last: every hit in Redis reads six, and none may cost an array. */
const numbers = new Float64Array(6)

function number(field: number): number {
  return numbers[field] as number
}

/** Reads instants and durations, each with a space behind it. Returns where they end, or -1. */
function readNumbers(text: string, from: number): number {
  let index = from
  for (let field = 0; field < numbers.length; field++) {
    const start = index
    let number = 0
    let code = text.charCodeAt(index)
    if (code === MINUS) {
      number = Infinity
      code = text.charCodeAt(++index)
    } else {
      for (; code >= ZERO && code <= NINE; code = text.charCodeAt(++index)) number = number * 10 + (code - ZERO)
    }
    if (code !== SPACE || index === start || index - start > MOST_DIGITS) return -1
    numbers[field] = number
    index += 1
  }
  return index
}

/** Tags that cannot be read belong to no generation that stands: the entry will be a miss. */
function readTags(field: string): readonly string[] {
  try {
    return Object.freeze(field.split(',').map(decodeURIComponent))
  } catch {
    return [field]
  }
}

export function sameTags(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((tag, index) => tag === other[index])
}
