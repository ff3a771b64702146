import { LinkedList, Node } from './linked-list.js'
import type { Policy } from './policy.js'

/**
 * A queue whose members stay where they are, and a hand that goes from the oldest to the newest and evicts what was not
 * asked for since it last came by. Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024.
 */
export class Sieve implements Policy {
  readonly #capacity: number
  readonly #held = new Map<number, Node>()
  readonly #queue = new LinkedList()
  #hand: Node | undefined

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  request(key: number): boolean {
    const found = this.#held.get(key)
    if (found) {
      found.count = 1
      return true
    }
    if (this.#held.size === this.#capacity) this.#evict()
    const node = new Node(key)
    this.#held.set(key, node)
    this.#queue.unshift(node)
    return false
  }

  #evict(): void {
    let node = this.#hand ?? this.#queue.tail
    while (node?.count === 1) {
      node.count = 0
      node = node.previous ?? this.#queue.tail
    }
    if (node === undefined) return
    this.#hand = node.previous
    this.#queue.remove(node)
    this.#held.delete(node.key)
  }
}
