import { startCluster } from '@otel-cache/test-servers'
import { Child, ChildEndedError } from '../child.js'
import type { PeerKind } from '../peers/peer.js'
import { peers } from '../peers/peers.js'
import type { Program, ProgramContext } from '../program.js'
import type { FailureTasks } from './failure-worker.js'
import { failures } from './failures.js'

/** How long a peer may take for one failure, in milliseconds: a call that hangs is given up long before. */
const LIMIT = 12_000
/** How many processes meet their failure at the same time. Most of them wait. */
const AT_ONCE = 6

/** They come before their replicas. */
const MASTERS = 3

const NOTE =
  'Every cell is a process and a Redis of its own, with default options and two tiers where a library has them. ' +
  'Over 3 s, or 4 s for an invalidation: given up waiting. The process ends: an error that the application cannot ' +
  "listen to, of cacheable's `sync`."

export const failuresProgram: Program = {
  name: 'failures',
  about: 'what becomes of a call when something fails, beside other caches',
  isLong: true,
  async run({ progress }) {
    const kinds = peers.filter(({ name, tiers }) => tiers.includes('redis') && !name.includes(','))
    const cluster = await startCluster()
    try {
      const rows = await failuresOf(kinds, cluster.address.slice(0, MASTERS), progress)
      const columns = ['', ...failures.map(({ name }) => name), 'cluster: clear']
      return { tables: [{ title: 'Under failure', columns, rows, note: NOTE }], bounds: [], complaints: [] }
    } finally {
      await cluster.stop()
    }
  },
}

/** A row for each peer, a cell for each failure, and one for the cluster, where there is one. */
export async function failuresOf(
  kinds: readonly PeerKind[],
  cluster: readonly { readonly host: string; readonly port: number }[] | undefined,
  progress: ProgramContext['progress'],
): Promise<string[][]> {
  const rows = kinds.map(({ name }) => [name])
  const cells = failures.flatMap(({ name }, column) =>
    kinds.map((kind, row) => ({
      row,
      column: column + 1,
      kind,
      ask: (child: Child<FailureTasks>) => child.ask('fail', name),
    })),
  )
  if (cluster !== undefined) {
    const ask = (child: Child<FailureTasks>): Promise<string> => child.ask('clear', cluster)
    cells.push(...kinds.map((kind, row) => ({ row, column: failures.length + 1, kind, ask })))
  }
  let done = 0
  const queue = cells.values()
  const work = async (): Promise<void> => {
    for (const { row, column, kind, ask } of queue) {
      const cellsOfRow = rows[row] as string[]
      cellsOfRow[column] = await inOwnProcess(kind, ask)
      done += 1
      progress(done / cells.length, kind.name)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return rows
}

async function inOwnProcess(kind: PeerKind, ask: (child: Child<FailureTasks>) => Promise<string>): Promise<string> {
  const module = new URL('./failure-worker.js', import.meta.url)
  const child = new Child<FailureTasks>(module, kind.name, { isQuiet: true })
  let isLate = false
  const limit = setTimeout(() => {
    isLate = true
    child.stop()
  }, LIMIT)
  try {
    return await ask(child)
  } catch (error) {
    if (!(error instanceof ChildEndedError)) throw error
    return isLate ? `over ${LIMIT / 1_000} s` : 'the process ends'
  } finally {
    clearTimeout(limit)
    child.stop()
  }
}
