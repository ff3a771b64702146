import { Child } from '../child.js'
import type { PeerKind } from '../peers/peer.js'
import { peers } from '../peers/peers.js'
import type { Program } from '../program.js'
import { spreadOf } from '../statistics.js'
import type { ImportTasks } from './import-worker.js'
import { rounded } from './turns-table.js'

const RUNS = { full: 9, quick: 2 }
const NOTE =
  'Each in a fresh process, medians, taking turns. With Redis: together with the client that it is used with.'

export const peersImport: Program = {
  name: 'peers-import',
  about: 'how long it takes to import a cache, beside other caches',
  isLong: true,
  async run({ quick, progress }) {
    const runs = RUNS[quick ? 'quick' : 'full']
    // A configuration of the same library imports the same.
    const kinds = peers.filter((kind, index) => peers.findIndex(({ modules }) => modules === kind.modules) === index)
    const times = kinds.map((kind) => ({ kind, measured: [] as Array<readonly [number, number]> }))
    for (let run = 0; run < runs; run++) {
      for (const { kind, measured } of times) measured.push(await timesOf(kind))
      progress((run + 1) / runs, `run ${run + 1} of ${runs}`)
    }
    const rows = times.map(({ kind, measured }) => {
      const cells = (of: 0 | 1): Array<number | string> => {
        if (kind.modules[of].length === 0) return ['', '']
        const { measured: middle, low, high } = spreadOf(measured.map((pair) => pair[of]))
        return [rounded(middle, 1), `${low.toFixed(1)} … ${high.toFixed(1)}`]
      }
      return [kind.name, ...cells(0), ...cells(1)]
    })
    const columns = ['', 'memory alone, ms', 'middle half', 'with Redis, ms', 'middle half']
    const bars = { name: 'peers-import', subtitle: 'With Redis: less is better.', unit: 'ms', index: 3 }
    return { tables: [{ title: 'Import', columns, rows, note: NOTE, bars }], bounds: [], complaints: [] }
  },
}

async function timesOf({ name, modules }: PeerKind): Promise<readonly [number, number]> {
  const child = new Child<ImportTasks>(new URL('./import-worker.js', import.meta.url), name)
  try {
    return await child.ask('load', ...modules)
  } finally {
    child.stop()
  }
}
