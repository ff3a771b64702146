import { basename } from 'node:path'
import { Child } from '../child.js'
import type { Chart, Program, ProgramContext, Table } from '../program.js'
import { rounded } from '../side-by-side/turns-table.js'
import { OTEL_CACHE, policies } from './policies.js'
import { traceFiles, tracesFolder } from './trace.js'
import type { TraceReplayed, TraceTasks } from './trace-worker.js'

const SHARES = [0.001, 0.01, 0.1]
/** The one of them that is drawn. */
const DRAWN = 0.01
/** Requests of a trace that are replayed at most. */
const MOST = { full: Number.POSITIVE_INFINITY, quick: 50_000 }
const POLICIES = [OTEL_CACHE, ...Object.keys(policies)]

const SPEED_NOTE =
  'The policies keep keys and nothing else. otel-cache is asked through `get` and `set`, with what these do beside: ' +
  'promises, encoded values, lifetimes, counters.'

export const tracesProgram: Program = {
  name: 'traces',
  about: 'hit ratio and speed of memory on real traces, beside textbook policies and the optimum',
  isLong: true,
  async run({ quick, progress }) {
    const folder = tracesFolder()
    const files = await traceFiles(folder)
    if (files.length === 0) {
      const note = `Skipped: no traces (*.txt.gz) in ${folder}; OTEL_CACHE_TRACES names another folder.`
      return { tables: [{ title: 'Real traces', columns: [''], rows: [], note }], bounds: [], complaints: [] }
    }
    const found = await replayAll(files, MOST[quick ? 'quick' : 'full'], progress)
    return { tables: tablesOf(found), charts: chartsOf(found), bounds: [], complaints: [] }
  },
}

/** One policy after the other, so that they do not take the processor from each other. */
async function replayAll(
  files: readonly string[],
  most: number,
  progress: ProgramContext['progress'],
): Promise<TraceReplayed[][]> {
  const found: TraceReplayed[][] = files.map(() => [])
  for (const [done, policy] of POLICIES.entries()) {
    const child = new Child<TraceTasks>(new URL('./trace-worker.js', import.meta.url), policy)
    try {
      for (const [index, file] of files.entries()) {
        progress((done + index / files.length) / POLICIES.length, `${policy} on ${basename(file)}`)
        found[index]?.push(await child.ask('replay', file, most, SHARES))
      }
    } finally {
      child.stop()
    }
  }
  return found
}

/** At one capacity, where a trace has as many keys as that takes. */
function chartsOf(found: ReadonlyArray<readonly TraceReplayed[]>): Chart[] {
  const bars = found.flat().flatMap(({ trace, requests, at }, index) => {
    const hits = at.find(({ share }) => share === DRAWN)?.hits
    const policy = POLICIES[index % POLICIES.length] ?? ''
    const series = policy === OTEL_CACHE ? policy : 'others'
    return hits === undefined
      ? []
      : [{ label: `${trace}, ${policy}`, value: rounded((100 * hits) / requests, 2), series }]
  })
  if (bars.length === 0) return []
  return [
    {
      kind: 'bars',
      name: 'traces-hit-ratio',
      title: `Hit ratio on real traces, with room for ${DRAWN * 100} % of the keys`,
      subtitle: 'More is better; the optimum knows the future.',
      unit: '%',
      bars,
      series: ['others', OTEL_CACHE],
    },
  ]
}

/** @param found for each trace, what came of it under each policy, in their order */
function tablesOf(found: ReadonlyArray<readonly TraceReplayed[]>): Table[] {
  const rowsOf = (cell: (one: TraceReplayed['at'][number], of: TraceReplayed) => number): Table['rows'] =>
    found.flatMap((byPolicy) => {
      const [first] = byPolicy
      return (first?.at ?? []).map(({ share, capacity }, index) => [
        first?.trace ?? '',
        first?.requests ?? 0,
        `${share * 100} % (${capacity})`,
        ...byPolicy.map((of) => cell(of.at[index] as TraceReplayed['at'][number], of)),
      ])
    })
  const columns = ['trace', 'requests', 'capacity', ...POLICIES]
  return [
    {
      title: 'Hit ratio on real traces, in percent',
      columns,
      rows: rowsOf(({ hits }, { requests }) => rounded((100 * hits) / requests, 2)),
      note: 'Capacities are shares of the distinct keys. The optimum knows the future.',
    },
    {
      title: 'Speed on real traces, in million requests a second',
      columns,
      rows: rowsOf(({ took }, { requests }) => rounded(requests / took / 1_000, 2)),
      note: SPEED_NOTE,
    },
  ]
}
