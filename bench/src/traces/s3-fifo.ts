import { LinkedList, Node } from './linked-list.js'
import type { Policy } from './policy.js'

/** Of the capacity, what newcomers pass through. */
const SMALL = 0.1
/** Requests are counted up to this. */
const MOST = 3

/**
 * Three queues: newcomers that nobody asks for again leave by the small one, and are remembered as ghosts; what was asked
 * for again, or is a ghost, lives in the main one, and there goes round as often as it was asked for. Yang et al., "FIFO
 * Queues are All You Need for Cache Eviction", SOSP 2023.
 */
export class S3Fifo implements Policy {
  readonly #capacity: number
  readonly #smallCapacity: number
  readonly #held = new Map<number, Node>()
  readonly #small = new LinkedList()
  readonly #main = new LinkedList()
  /** In the order in which they became ghosts, as many as the main queue has room for. */
  readonly #ghosts = new Map<number, true>()

  constructor(capacity: number) {
    this.#capacity = capacity
    this.#smallCapacity = Math.max(1, Math.floor(capacity * SMALL))
  }

  request(key: number): boolean {
    const found = this.#held.get(key)
    if (found) {
      found.count = Math.min(found.count + 1, MOST)
      return true
    }
    while (this.#held.size >= this.#capacity) this.#evict()
    const node = new Node(key)
    this.#held.set(key, node)
    const queue = this.#ghosts.delete(key) ? this.#main : this.#small
    queue.unshift(node)
    return false
  }

  #evict(): void {
    if (this.#small.size >= this.#smallCapacity || this.#main.size === 0) this.#evictSmall()
    else this.#evictMain()
  }

  #evictSmall(): void {
    while (this.#small.size > 0) {
      const node = this.#small.pop()
      if (node.count === 0) {
        this.#held.delete(node.key)
        this.#remember(node.key)
        return
      }
      node.count = 0
      this.#main.unshift(node)
      if (this.#main.size > this.#capacity - this.#smallCapacity) {
        this.#evictMain()
        return
      }
    }
  }

  #evictMain(): void {
    for (;;) {
      const node = this.#main.pop()
      if (node.count === 0) {
        this.#held.delete(node.key)
        return
      }
      node.count -= 1
      this.#main.unshift(node)
    }
  }

  #remember(key: number): void {
    this.#ghosts.set(key, true)
    if (this.#ghosts.size > this.#capacity - this.#smallCapacity) {
      this.#ghosts.delete(this.#ghosts.keys().next().value as number)
    }
  }
}
