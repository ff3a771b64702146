import { Redis } from 'ioredis'
import type { Peer, Setting } from '../peers/peer.js'

const KEYS = 300
const TRIES = 5

/** How many of a peer's keys are left in a Redis Cluster after it was cleared. */
export async function clusterClear(peer: Peer, prefix: string, nodes: readonly Setting['redis'][]): Promise<string> {
  if (peer.clear === undefined) return 'has none'
  let stored = 0
  // Who does not wait for Redis longer than a moment may store less at once on a busy machine.
  for (let tries = 0; tries < TRIES && stored < KEYS; tries++) {
    for (let i = 0; i < KEYS; i++) await peer.set(`filled:${i}`, i)
    stored = await keysIn(nodes, prefix)
  }
  if (stored !== KEYS) return `${stored} of ${KEYS} stored`
  await peer.clear()
  return `${await keysIn(nodes, prefix)} of ${KEYS} left`
}

async function keysIn(nodes: readonly Setting['redis'][], prefix: string): Promise<number> {
  const counts = nodes.map(async (node) => {
    const redis = new Redis(node)
    const { length } = await redis.keys(`*${prefix}*filled:*`)
    redis.disconnect()
    return length
  })
  return (await Promise.all(counts)).reduce((sum, count) => sum + count)
}
