/** A reply, or a message of a subscription: texts are Buffers. */
export type RespValue = Buffer | number | null | Error | readonly RespValue[]

const CR = 13
/** No name is longer, and no list of names: what says so is no Redis. */
const LONGEST_TEXT = 2 ** 20
const LONGEST_LIST = 2 ** 26
/** A length of nothing at all. */
const NIL = -1
/** A message of a subscription is a list with a list in it. */
const DEEPEST = 8

/** What has arrived is not all of a value yet. */
const PARTIAL: unique symbol = Symbol('partial')

interface List {
  readonly items: RespValue[]
  readonly length: number
}

/** Reads the Redis protocol, version 2, from the pieces in which a socket delivers it; every byte is looked at once. */
export class RespReader {
  #rest: Buffer = Buffer.alloc(0)
  #at = 0
  /** The lists that are not whole yet, each within the one before it. */
  readonly #open: List[] = []

  /** The values that are whole by now. Throws for what is not the protocol. */
  read(piece: Buffer): RespValue[] {
    this.#rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    this.#at = 0
    const values: RespValue[] = []
    for (;;) {
      const start = this.#at
      const token = this.#token()
      if (token === PARTIAL) {
        this.#rest = this.#rest.subarray(start)
        return values
      }
      const value =
        token !== null && typeof token === 'object' && 'items' in token ? this.#begin(token) : this.#close(token)
      if (value !== PARTIAL) values.push(value)
    }
  }

  #begin(list: List): RespValue | typeof PARTIAL {
    if (list.length === 0) return this.#close([])
    if (this.#open.push(list) > DEEPEST) throw new Error('Lists in lists in lists are no Redis')
    return PARTIAL
  }

  /** A value is whole, and with it perhaps the lists around it. */
  #close(value: RespValue): RespValue | typeof PARTIAL {
    let whole = value
    for (let list = this.#open.at(-1); list !== undefined; list = this.#open.at(-1)) {
      list.items.push(whole)
      if (list.items.length < list.length) return PARTIAL
      whole = list.items
      this.#open.pop()
    }
    return whole
  }

  /** A value, or the head of a list. */
  #token(): RespValue | List | typeof PARTIAL {
    const end = this.#rest.indexOf(CR, this.#at)
    if (end === -1 || end + 1 >= this.#rest.length) return PARTIAL
    const kind = this.#rest[this.#at]
    const line = this.#rest.subarray(this.#at + 1, end)
    this.#at = end + 2
    switch (kind) {
      case 43: // +
        return line
      case 45: // -
        return new Error(line.toString())
      case 58: // :
        return integer(line, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
      case 36: // $
        return this.#text(integer(line, NIL, LONGEST_TEXT))
      case 42: {
        // *
        const length = integer(line, NIL, LONGEST_LIST)
        return length < 0 ? null : { items: [], length }
      }
      default:
        throw new Error(`No Redis answers ${JSON.stringify(line.toString('latin1').slice(0, 20))}`)
    }
  }

  #text(length: number): Buffer | null | typeof PARTIAL {
    if (length < 0) return null
    const end = this.#at + length
    if (end + 2 > this.#rest.length) return PARTIAL
    if (this.#rest[end] !== CR) throw new Error('A text in the Redis protocol is longer than it says')
    const text = this.#rest.subarray(this.#at, end)
    this.#at = end + 2
    return text
  }
}

function integer(line: Buffer, least: number, most: number): number {
  const text = line.toString('latin1')
  const value = Number(text)
  if (!/^-?\d+$/.test(text) || value < least || value > most)
    throw new Error(`No number in the Redis protocol: ${text.slice(0, 20)}`)
  return value
}

/** A command as it goes over the wire. */
export function encodeCommand(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`
}
