import { FrequencySketch } from './frequency-sketch.js'
import { LinkedList, Node } from './linked-list.js'
import type { Policy } from './policy.js'

/** Of the capacity: the window, an LRU that newcomers pass through. */
const WINDOW = 0.01
/** Of the rest: what was asked for again. */
const PROTECTED = 0.8

/**
 * A small LRU for newcomers before a segmented LRU. Who leaves the window is let in only where it was asked for more often
 * than whom it would displace. Einziger, Friedman and Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", 2017;
 * with a window that is fixed, not adapted as in Caffeine.
 */
export class WTinyLfu implements Policy {
  readonly #windowCapacity: number
  readonly #mainCapacity: number
  readonly #protectedCapacity: number
  readonly #held = new Map<number, Node>()
  readonly #window = new LinkedList()
  readonly #probation = new LinkedList()
  readonly #protected = new LinkedList()
  readonly #frequency: FrequencySketch

  constructor(capacity: number) {
    this.#windowCapacity = Math.max(1, Math.floor(capacity * WINDOW))
    this.#mainCapacity = capacity - this.#windowCapacity
    this.#protectedCapacity = Math.floor(this.#mainCapacity * PROTECTED)
    this.#frequency = new FrequencySketch(capacity)
  }

  request(key: number): boolean {
    this.#frequency.add(key)
    const found = this.#held.get(key)
    if (found) {
      this.#touch(found)
      return true
    }
    const node = new Node(key)
    this.#held.set(key, node)
    this.#window.unshift(node)
    if (this.#window.size > this.#windowCapacity) this.#leaveWindow(this.#window.pop())
    return false
  }

  #touch(node: Node): void {
    const list = node.list
    list?.remove(node)
    if (list === this.#window) {
      this.#window.unshift(node)
      return
    }
    this.#protected.unshift(node)
    if (this.#protected.size > this.#protectedCapacity) this.#probation.unshift(this.#protected.pop())
  }

  #leaveWindow(candidate: Node): void {
    if (this.#probation.size + this.#protected.size < this.#mainCapacity) {
      this.#probation.unshift(candidate)
      return
    }
    const victims = this.#probation.size > 0 ? this.#probation : this.#protected
    const victim = victims.tail
    const isLetIn =
      victim !== undefined && this.#frequency.estimate(candidate.key) > this.#frequency.estimate(victim.key)
    if (!isLetIn) {
      this.#held.delete(candidate.key)
      return
    }
    victims.remove(victim)
    this.#held.delete(victim.key)
    this.#probation.unshift(candidate)
  }
}
