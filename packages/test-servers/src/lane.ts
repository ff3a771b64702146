import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'

/** `requests`: from the client to the server. `replies`: back. */
export type Direction = 'requests' | 'replies'

/** What befalls a connection. Without a `direction` both are meant. */
export type Fault =
  /** None: everything goes through, and what was held or delayed goes through at once. */
  | { readonly kind: 'pass' }
  /** Everything arrives so many milliseconds later, in order. */
  | { readonly kind: 'delay'; readonly ms: number; readonly direction?: Direction }
  /**
   * Nothing arrives, and the connection stays open. Bytes are `held` unless told otherwise: they arrive when the fault
   * is lifted, even if their sender has closed its end by then. That is what TCP's retransmission makes of a network
   * partition: a command that timed out is executed later. `lost` bytes never arrive, which TCP alone never does; a
   * proxy or a hanging server might. The end of a connection is held in either case.
   */
  | { readonly kind: 'black-hole'; readonly bytes?: 'held' | 'lost'; readonly direction?: Direction }
  /**
   * In place of the reply byte after the next `after` ones comes the end (`close`), a reset, or nothing (`stall`, the
   * rest is held).
   */
  | { readonly kind: 'truncate'; readonly after: number; readonly by: 'close' | 'reset' | 'stall' }
  /** Every piece of reply becomes these bytes. Default: as many random ones. */
  | { readonly kind: 'garbage'; readonly bytes?: string | Uint8Array }
  /**
   * One direction ends, the other goes on; what is still sent in it is lost. Redis itself answers the end of requests
   * by closing.
   */
  | { readonly kind: 'half-close'; readonly direction: Direction }
  /** Open connections are reset (RST). New ones are accepted and reset at once: refused, as far as a proxy can. */
  | { readonly kind: 'reset' }

/** Milliseconds between the last bytes and a reset. */
const RESET_AFTER = 10

type Load = Buffer | 'end' | 'reset'

/** One direction of one connection: what comes from `source` goes to `sink`, in order, as the fault will have it. */
export class Lane {
  readonly #source: Socket
  readonly #sink: Socket
  #fault: Fault = { kind: 'pass' }
  #queue: Array<{ readonly arrived: number; load: Load }> = []
  #timer: NodeJS.Timeout | undefined
  /** Bytes that `truncate` still lets through. */
  #left = 0

  constructor(source: Socket, sink: Socket) {
    this.#source = source
    this.#sink = sink
    source.on('data', (bytes) => this.#arrive(bytes))
    source.on('end', () => this.#arrive('end'))
    source.on('error', () => this.#arrive('reset'))
    // Who is not read from any more is not held up either: its end must be seen.
    for (const event of ['drain', 'close']) sink.on(event, () => source.resume())
  }

  set(fault: Fault): void {
    this.#fault = fault
    if (fault.kind === 'truncate') this.#left = fault.after
    if (fault.kind === 'half-close') this.#sink.end()
    if (fault.kind === 'reset') this.#sink.resetAndDestroy()
    this.#move()
  }

  #arrive(load: Load): void {
    this.#queue.push({ arrived: performance.now(), load })
    this.#move()
  }

  #move(): void {
    clearTimeout(this.#timer)
    const fault = this.#fault
    if (fault.kind === 'black-hole') {
      if (fault.bytes === 'lost') this.#queue = this.#queue.filter(({ load }) => typeof load === 'string')
      return
    }
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      if (fault.kind === 'delay') {
        const wait = head.arrived + fault.ms - performance.now()
        if (wait > 0) {
          this.#timer = setTimeout(() => this.#move(), Math.ceil(wait)).unref()
          return
        }
      }
      if (fault.kind === 'truncate' && typeof head.load !== 'string') {
        const [passed, rest] = [head.load.subarray(0, this.#left), head.load.subarray(this.#left)]
        this.#left -= passed.length
        if (rest.length > 0) {
          head.load = rest
          this.#deliver(passed)
          this.#cut(fault.by)
          return
        }
      }
      this.#queue.shift()
      this.#deliver(head.load)
    }
  }

  #deliver(load: Load): void {
    if (load === 'reset') this.#sink.resetAndDestroy()
    else if (!this.#sink.writable) return
    else if (load === 'end') this.#sink.end()
    else if (!this.#sink.write(this.#written(load))) this.#source.pause()
  }

  #written(bytes: Buffer): string | Uint8Array {
    return this.#fault.kind === 'garbage' ? (this.#fault.bytes ?? randomBytes(bytes.length)) : bytes
  }

  #cut(how: 'close' | 'reset' | 'stall'): void {
    if (how === 'stall') return
    this.#source.destroy()
    // The sink is not destroyed for `close`: with requests unread the operating system would make a reset of it.
    if (how === 'close') this.#sink.end()
    // To Node, a reset that arrives together with bytes is an ordinary end.
    else setTimeout(() => this.#sink.resetAndDestroy(), RESET_AFTER)
  }
}
