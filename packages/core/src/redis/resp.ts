/** A reply, or a message of a subscription: texts are Buffers. */
export type RespValue = Buffer | number | null | Error | readonly RespValue[]

const CR = 13
/** No name and no list of names is longer: what says so is no Redis. */
const MOST = 2 ** 26

/** What has arrived is not all of a reply yet. */
const PARTIAL: unique symbol = Symbol('partial')

/** Reads the Redis protocol, version 2, from the pieces in which a socket delivers it. */
export class RespReader {
  #rest: Buffer = Buffer.alloc(0)
  #at = 0

  /** The values that are whole by now. Throws for what is not the protocol. */
  read(piece: Buffer): RespValue[] {
    this.#rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    this.#at = 0
    const values: RespValue[] = []
    for (;;) {
      const start = this.#at
      const value = this.#value()
      if (value === PARTIAL) {
        this.#rest = this.#rest.subarray(start)
        return values
      }
      values.push(value)
    }
  }

  #value(): RespValue | typeof PARTIAL {
    const line = this.#line()
    if (line === PARTIAL) return PARTIAL
    const text = line.subarray(1)
    switch (line[0]) {
      case 43: // +
        return text
      case 45: // -
        return new Error(text.toString())
      case 58: // :
        return Number(text.toString('latin1'))
      case 36: // $
        return this.#text(lengthOf(text))
      case 42: // *
        return this.#list(lengthOf(text))
      default:
        throw new Error(`No Redis answers ${JSON.stringify(line.toString('latin1').slice(0, 20))}`)
    }
  }

  #line(): Buffer | typeof PARTIAL {
    const end = this.#rest.indexOf(CR, this.#at)
    if (end === -1 || end + 1 >= this.#rest.length) return PARTIAL
    const line = this.#rest.subarray(this.#at, end)
    this.#at = end + 2
    return line
  }

  #text(length: number): Buffer | null | typeof PARTIAL {
    if (length === -1) return null
    const end = this.#at + length
    if (end + 2 > this.#rest.length) return PARTIAL
    const text = this.#rest.subarray(this.#at, end)
    this.#at = end + 2
    return text
  }

  #list(length: number): readonly RespValue[] | null | typeof PARTIAL {
    if (length === -1) return null
    const list: RespValue[] = []
    while (list.length < length) {
      const value = this.#value()
      if (value === PARTIAL) return PARTIAL
      list.push(value)
    }
    return list
  }
}

function lengthOf(text: Buffer): number {
  const length = Number(text.toString('latin1'))
  if (!Number.isInteger(length) || length < -1 || length > MOST)
    throw new Error(`No length in Redis's protocol: ${text}`)
  return length
}

/** A command as it goes over the wire. */
export function encodeCommand(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`
}
