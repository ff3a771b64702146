import { setImmediate as nextTurn } from 'node:timers/promises'
import { serve } from '../child.js'
import type { Peer } from '../peers/peer.js'
import { peerNamed } from '../peers/peers.js'
import { quantile } from '../statistics.js'

const BURST = 100

export interface MemoryUse {
  /** What all entries together take, in bytes: of the heap, of buffers beside it, and of the process. */
  readonly heap: number
  readonly buffers: number
  readonly rss: number
  /** Milliseconds that a burst of hits, with one new key among them, held up the event loop. */
  readonly p999: number
  readonly longest: number
}

const [name = ''] = process.argv.slice(2)

const tasks = {
  /** Fills it with so many small entries by reading through, then hits them for so many milliseconds. */
  async measure(entries: number, duration: number): Promise<MemoryUse> {
    const load = (key: string): unknown => ({ id: Number(key.slice(key.indexOf(':') + 1)) })
    const redis = { host: '', port: 0 }
    const open = (maxEntries: number): Promise<Peer> =>
      peerNamed(name).open({ tiers: 'memory', redis, prefix: 'use:', maxEntries, load })
    // What is loaded once for all is nobody's entry; what is taken for entries to come is.
    const first = await open(100)
    await first.getOrSet('warm:0')
    const before = await settled()
    const peer = await open(entries)
    for (let id = 0; id < entries; id++) {
      await peer.getOrSet(`customer:${id}`)
      // What is deferred to the next turn must not pile up.
      if (id % 1_000 === 0) await nextTurn()
    }
    const after = await settled()
    const bursts = await hit(peer, entries, duration)
    await first.close()
    return {
      heap: after.heapUsed - before.heapUsed,
      buffers: after.arrayBuffers - before.arrayBuffers,
      rss: after.rss - before.rss,
      p999: quantile(bursts, 0.999),
      longest: Math.max(...bursts),
    }
  },
}

export type MemoryUseTasks = typeof tasks

async function settled(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 3; i++) {
    await nextTurn()
    globalThis.gc?.()
  }
  return process.memoryUsage()
}

/** How long each burst took, in milliseconds. */
async function hit(peer: Peer, entries: number, duration: number): Promise<number[]> {
  const bursts: number[] = []
  let newest = entries
  for (const end = performance.now() + duration; performance.now() < end; ) {
    await nextTurn()
    const started = performance.now()
    for (let i = 1; i < BURST; i++) {
      await peer.getOrSet(`customer:${newest - 1 - Math.floor((Math.random() * entries) / 2)}`)
    }
    await peer.getOrSet(`customer:${newest++}`)
    bursts.push(performance.now() - started)
  }
  return bursts
}

serve(tasks)
