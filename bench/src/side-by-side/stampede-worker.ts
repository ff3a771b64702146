import { setTimeout as pause } from 'node:timers/promises'
import { serve } from '../child.js'
import { smallDocument } from '../documents.js'
import type { Peer, Setting } from '../peers/peer.js'
import { peerNamed } from '../peers/peers.js'

const CALLERS = 1_000
/** How long the loader takes. */
const LOAD = 50

const [name = ''] = process.argv.slice(2)
let peer: Peer
let loads = 0

/** One of the processes of a peer that share a Redis. */
const tasks = {
  async open(redis: Setting['redis']): Promise<void> {
    const kind = peerNamed(name)
    peer = await kind.open({
      redis,
      tiers: kind.tiers.at(-1) ?? 'redis',
      prefix: `stampede-${name.replaceAll(/\W/g, '-')}:`,
      maxEntries: 10_000,
      load: async () => {
        loads += 1
        await pause(LOAD)
        return smallDocument(1)
      },
    })
  },

  /** All callers ask for a key at that instant, by the wall clock. */
  async run(key: string, at: number): Promise<{ readonly took: number; readonly loads: number }> {
    const before = loads
    await pause(Math.max(0, at - now() - 5))
    while (now() < at);
    await Promise.all(Array.from({ length: CALLERS }, () => peer.getOrSet(key)))
    return { took: now() - at, loads: loads - before }
  },
}

export type StampedeTasks = typeof tasks

function now(): number {
  return performance.timeOrigin + performance.now()
}

serve(tasks)
