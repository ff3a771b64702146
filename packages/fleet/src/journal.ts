import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

/** What a record tells of. */
export const KIND = {
  get: 0,
  getOrSet: 1,
  peek: 2,
  /** A look into Redis itself, past every cache. */
  inspect: 3,
  set: 4,
  delete: 5,
  deleteByTag: 6,
  clear: 7,
  /** A raw client's own SET of a well-formed value, DEL and FLUSHALL. */
  foreignSet: 8,
  foreignDelete: 9,
  flush: 10,
  /** Written before a value may escape its process: a killed one leaves no value of which nobody knows. */
  beginSet: 11,
  beginLoad: 12,
  /** The call whose loader ran has returned: what it had to store has been stored, or never will be. */
  landed: 13,
  /** Everything that was unconfirmed in this process has been replayed. */
  settled: 14,
} as const

export type Kind = (typeof KIND)[keyof typeof KIND]

/**
 * `subject` is the index of a key, of a tag (`deleteByTag`) or of a part (`clear`). `value` is the identity of the value
 * that was read or written: 0 for a miss, below 0 for a call that rejected. `extra` is, of a read, when its turn of the
 * event loop began; of a change, 1 where it was confirmed and 0 where not.
 */
export interface Operation {
  readonly kind: Kind
  readonly subject: number
  readonly start: number
  readonly end: number
  readonly value: number
  readonly extra: number
}

export const MISS = 0
export const FAILED: number = -1

/** Numbers in a record, in the order of `Operation`. */
export const STRIDE = 6

/** Records that are kept back, so that a read costs no system call. */
const KEPT = 4_096

/** Milliseconds of the one clock that all processes of a machine share: CLOCK_MONOTONIC. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** What one process did, in a file that outlives it. */
export class Journal {
  readonly #file: number
  readonly #records = new Float64Array(KEPT * STRIDE)
  #filled = 0
  #isClosed = false

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  write(kind: Kind, subject: number, start: number, end: number, value: number, extra: number): void {
    const records = this.#records
    const at = this.#filled
    records[at] = kind
    records[at + 1] = subject
    records[at + 2] = start
    records[at + 3] = end
    records[at + 4] = value
    records[at + 5] = extra
    this.#filled = at + STRIDE
    if (this.#filled === records.length) this.flush()
  }

  /** Hands everything to the operating system: from here on it survives SIGKILL. */
  flush(): void {
    const bytes = new Uint8Array(this.#records.buffer, 0, this.#filled * Float64Array.BYTES_PER_ELEMENT)
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done)
    this.#filled = 0
  }

  /** Twice without harm. */
  close(): void {
    if (this.#isClosed) return
    this.flush()
    this.#isClosed = true
    closeSync(this.#file)
  }
}

/** The records of a journal. What its process was writing when it was killed is left out. */
export function readJournal(path: string): Float64Array {
  const bytes = readFileSync(path)
  const size = STRIDE * Float64Array.BYTES_PER_ELEMENT
  const whole = bytes.length - (bytes.length % size)
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + whole))
}

export function operationAt(records: Float64Array, at: number): Operation {
  const [kind = 0, subject = 0, start = 0, end = 0, value = 0, extra = 0] = records.subarray(at, at + STRIDE)
  return { kind: kind as Kind, subject, start, end, value, extra }
}

export function nameOf(kind: Kind): string {
  return Object.entries(KIND).find(([, one]) => one === kind)?.[0] ?? String(kind)
}
