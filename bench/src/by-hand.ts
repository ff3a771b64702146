import type { Redis } from 'ioredis'
import { TTL } from './documents.js'

/** A cache's own head before each value: what it belongs to, how long it is fresh, how long it should be. */
const HEAD = 'oc1 j-- 1763810000000 3600000 0 0 12'
const BELONGS = 'k3J9x-2bQfAa'

/** Stores values with a head. */
export async function storeByHand(
  redis: Redis,
  keys: readonly string[],
  documentOf: (id: number) => unknown,
): Promise<void> {
  for (const [id, key] of keys.entries()) {
    const body = JSON.stringify(documentOf(id))
    await redis.set(key, `${HEAD} ${body.length} ${BELONGS} #\n${body}`, 'PX', TTL)
  }
}

/** What nobody can do without who keeps the contract: the head is looked at, the value parsed, and frozen deeply. */
export function readByHand(stored: Buffer | null): unknown {
  if (stored === null) return undefined
  const text = stored.toString()
  const newline = text.indexOf('\n')
  // The last fields: how long the value is, what it belongs to, and a sign of how it is packed.
  const belongs = text.lastIndexOf(' ', newline - 3) + 1
  const length = text.lastIndexOf(' ', belongs - 2) + 1
  if (Number(text.slice(length, belongs - 1)) !== stored.length - newline - 1) return undefined
  if (!text.startsWith(BELONGS, belongs)) return undefined
  return frozen(JSON.parse(text.slice(newline + 1)))
}

function frozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  for (const name in value) {
    const member = value[name as keyof typeof value]
    if (typeof member === 'object') frozen(member)
  }
  return Object.freeze(value)
}

/** Gets that are asked for in one tick travel in one MGET. */
export function gatheredByHand(redis: Redis): (key: string) => Promise<unknown> {
  let gathered: Array<readonly [key: string, resolve: (value: unknown) => void]> = []
  const leave = async (): Promise<void> => {
    const together = gathered
    gathered = []
    const replies = (await redis.callBuffer('mget', ...together.map(([key]) => key))) as Array<Buffer | null>
    for (const [index, [, resolve]] of together.entries()) resolve(readByHand(replies[index] as Buffer | null))
  }
  return (key) =>
    new Promise((resolve) => {
      if (gathered.push([key, resolve]) === 1) process.nextTick(leave)
    })
}
