const SMALLEST = 1 << 16
/** Of one UTF-16 unit. */
const MAX_BYTES = 3

/**
 * A long text, made of many short ones. Encoded as it grows: one string of megabytes would be a tree of its parts, which
 * takes three times as long to make and to walk.
 */
export class Utf8Text {
  #buffer = Buffer.allocUnsafe(SMALLEST)
  #length = 0

  add(text: string): void {
    const needed = this.#length + text.length * MAX_BYTES
    if (needed > this.#buffer.length) this.#grow(needed)
    this.#length += this.#buffer.write(text, this.#length)
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, needed))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}
