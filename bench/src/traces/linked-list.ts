/** What stands in a list, and in no more than one. */
export class Node {
  readonly key: number
  previous: Node | undefined
  next: Node | undefined
  /** What the policy keeps about it: how often, or whether, it was asked for. */
  count = 0
  list: LinkedList | undefined

  constructor(key: number) {
    this.key = key
  }
}

/** A doubly linked list: newest at the head, oldest at the tail. */
export class LinkedList {
  head: Node | undefined
  tail: Node | undefined
  size = 0

  unshift(node: Node): void {
    node.list = this
    node.previous = undefined
    node.next = this.head
    if (this.head) this.head.previous = node
    else this.tail = node
    this.head = node
    this.size += 1
  }

  remove(node: Node): void {
    if (node.previous) node.previous.next = node.next
    else this.head = node.next
    if (node.next) node.next.previous = node.previous
    else this.tail = node.previous
    node.list = undefined
    this.size -= 1
  }

  /** Takes the oldest out. The list must not be empty. */
  pop(): Node {
    const oldest = this.tail
    if (oldest === undefined) throw new RangeError('the list is empty')
    this.remove(oldest)
    return oldest
  }
}
