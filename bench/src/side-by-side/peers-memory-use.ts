import { Child } from '../child.js'
import type { PeerKind } from '../peers/peer.js'
import { OURS, peers } from '../peers/peers.js'
import type { BoundCheck, Program } from '../program.js'
import type { MemoryUse, MemoryUseTasks } from './memory-use-worker.js'
import { rounded } from './turns-table.js'

const FULL = { entries: 1_000_000, duration: 3_000 }
const QUICK = { entries: 100_000, duration: 300 }
const FLOOR = 'lru-cache'
/** Of the contract: the heap that it may take, over that of the floor. */
const LIMIT = 1.3

const NOTE =
  'Keys like customer:42, values like { id: 42 }, in memory alone; heap, buffers beside it and RSS after garbage collection, ' +
  'less what they were before the cache was made. An entry takes heap and buffers. A burst is 99 hits and one new key, within one turn of the event loop.'

interface Found extends MemoryUse {
  readonly kind: PeerKind
}

export const peersMemoryUse: Program = {
  name: 'peers-memory-use',
  about: 'what an entry takes, and what garbage collection does to hits among a million, beside other caches',
  async run({ quick, progress }) {
    const { entries, duration } = quick ? QUICK : FULL
    const kinds = peers.filter(({ tiers, metered }) => tiers.includes('memory') && !metered)
    const found: Found[] = []
    for (const [index, kind] of kinds.entries()) {
      progress(index / kinds.length, kind.name)
      found.push({ kind, ...(await useOf(kind, entries, duration)) })
    }
    const of = (name: string): Found => {
      const one = found.find(({ kind }) => kind.name === name)
      if (one === undefined) throw new Error(`'${name}' was not measured`)
      return one
    }
    const floor = of(FLOOR)
    const rows = found.map(({ kind, heap, buffers, rss, p999, longest }) => [
      kind.name,
      Math.round((heap + buffers) / entries),
      `${(heap / floor.heap).toFixed(2)}x`,
      `${((heap + buffers) / (floor.heap + floor.buffers)).toFixed(2)}x`,
      rounded(heap / 1e6, 1),
      rounded(buffers / 1e6, 1),
      rounded(rss / 1e6, 1),
      rounded(p999, 2),
      rounded(longest, 1),
    ])
    const columns = [
      '',
      'bytes an entry',
      `heap / ${FLOOR}`,
      'with buffers',
      'heap, MB',
      'buffers, MB',
      'RSS, MB',
      'burst p99.9, ms',
      'longest, ms',
    ]
    const bound: BoundCheck = {
      figure: `heap of ${entries.toLocaleString('en')} small entries over ${FLOOR}`,
      unit: 'x',
      measured: of(OURS).heap / floor.heap,
      limit: LIMIT,
      kind: 'at most',
    }
    const title = `${entries.toLocaleString('en')} small entries in memory`
    const bars = { name: 'peers-memory-use', subtitle: 'Of heap and buffers: less is better.', unit: 'B', index: 1 }
    return { tables: [{ title, columns, rows, note: NOTE, bars }], bounds: [bound], complaints: [] }
  },
}

async function useOf(kind: PeerKind, entries: number, duration: number): Promise<MemoryUse> {
  const module = new URL('./memory-use-worker.js', import.meta.url)
  const child = new Child<MemoryUseTasks>(module, kind.name, { nodeOptions: ['--expose-gc'] })
  try {
    return await child.ask('measure', entries, duration)
  } finally {
    child.stop()
  }
}
