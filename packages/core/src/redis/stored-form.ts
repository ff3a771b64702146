import type { Span } from '../lifetime.js'
import type { Encoded } from '../values.js'

/**
 * The stored form, version 1: a line of ASCII, then the body as the codec made it, so that `redis-cli` shows both.
 *
 *   oc1 j-- 1763810000000 3600000 0 0 12 k3J9x-2bQfA #news,sport
 *   {"name":"Ada"}
 *
 *   oc1        the magic, with the version
 *   j--        marker: codec (`j` JSON, `t` text, `b` bytes), compression (`-` none), encryption (`-` none, or a key id)
 *   instants and durations in whole milliseconds, `-` for ever:
 *     stored at (Redis's clock), fresh for, stale-while-revalidate, stale-if-error, duration of the load
 *   generations: ids in the order of their names, see generations.ts
 *   #          tags, percent-encoded, sorted
 *
 * Stored bytes are an interface: a frozen sample of each version is in the tests.
 */
const MAGIC = 'oc1 '
const NEWLINE = 10
const FIELDS = 8
const FOR_EVER = '-'

export interface StoredHead {
  readonly codec: string
  readonly storedAt: number
  readonly span: Span
  readonly loadDuration: number
  readonly generations: readonly string[]
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
): readonly [beforeStoredAt: string, beforeGenerations: string, beforeBody: string] {
  const { fresh, staleWhileRevalidate, staleIfError } = head.span
  const durations = [fresh, staleWhileRevalidate, staleIfError, Math.ceil(head.loadDuration)].map(writeDuration)
  return [`${MAGIC}${head.codec}-- `, ` ${durations.join(' ')} `, ` #${head.tags.map(encodeURIComponent).join(',')}\n`]
}

/** Undefined for what is no version 1: never trust what is stored. */
export function readStored(stored: Buffer): Stored | undefined {
  if (stored.length < MAGIC.length || stored.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined
  const end = stored.indexOf(NEWLINE)
  if (end === -1) return undefined
  const fields = stored.toString('latin1', MAGIC.length, end).split(' ')
  if (fields.length !== FIELDS) return undefined
  const [marker, at, fresh, revalidate, ifError, load, generations, tags] = fields as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  const storedAt = readDuration(at)
  const loadDuration = readDuration(load)
  const span = {
    fresh: readDuration(fresh),
    staleWhileRevalidate: readDuration(revalidate),
    staleIfError: readDuration(ifError),
  }
  if (
    !Number.isFinite(storedAt + loadDuration) ||
    Number.isNaN(span.fresh + span.staleWhileRevalidate + span.staleIfError)
  )
    return undefined
  if (marker.length !== 3 || !marker.endsWith('--') || !tags.startsWith('#')) return undefined
  const codec = marker.charAt(0)
  return {
    codec,
    storedAt,
    span,
    loadDuration,
    generations: generations.split(','),
    tags: tags === '#' ? [] : readTags(tags),
    // Bytes are copied: a part of the socket's buffer would keep the whole of it alive.
    body: codec === 'b' ? new Uint8Array(stored.subarray(end + 1)) : stored.toString('utf8', end + 1),
    bytes: stored.length,
  }
}

function writeDuration(duration: number): string {
  return duration === Infinity ? FOR_EVER : String(duration)
}

/** NaN for what is no duration. */
function readDuration(text: string): number {
  if (text === FOR_EVER) return Infinity
  const duration = text === '' ? Number.NaN : Number(text)
  return Number.isSafeInteger(duration) && duration >= 0 ? duration : Number.NaN
}

function readTags(field: string): readonly string[] {
  try {
    return field.slice(1).split(',').map(decodeURIComponent)
  } catch {
    // Tags that cannot be read belong to no generation that stands: the entry will be a miss.
    return [field]
  }
}
