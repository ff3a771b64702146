import { Child } from '../child.js'
import type { PeerKind } from '../peers/peer.js'
import { isOverRedis, OURS_METERED, peers } from '../peers/peers.js'
import type { BoundCheck, Program, ProgramReport } from '../program.js'
import { type Spread, spreadOf } from '../statistics.js'
import { addressOf } from './address.js'
import type { StampedeTasks } from './stampede-worker.js'
import { rounded } from './turns-table.js'

const PROCESSES = 4
/** How many stampedes are counted, after the first ones, which find V8 cold. */
const RUNS = { full: 15, quick: 5 }
const WARM_UPS = { full: 8, quick: 4 }

const NOTE =
  '1,000 callers of a cold key in each process, a loader of 50 ms, Redis behind: loads of all processes together, and ' +
  'milliseconds until the last caller has its value. Of the loads the most in any stampede, of the times the median.'

interface Stampede {
  /** The most in any of them. */
  readonly loads: number
  /** Milliseconds. */
  readonly took: Spread
}

/** One of them. */
interface Stampeded {
  readonly loads: number
  readonly took: number
}

interface Found {
  readonly kind: PeerKind
  readonly one: Stampede
  readonly four: Stampede
}

type Process = Child<StampedeTasks>

export const peersStampede: Program = {
  name: 'peers-stampede',
  about: '1,000 callers of a cold key in one process and in four, beside other caches',
  async run({ redisUrl, quick, progress }) {
    const module = new URL('./stampede-worker.js', import.meta.url)
    const processes = peers.filter(isOverRedis).map((kind) => {
      return { kind, all: Array.from({ length: PROCESSES }, (): Process => new Child(module, kind.name)) }
    })
    try {
      for (const { kind, all } of processes) {
        progress(0, `starting ${kind.name}`)
        await Promise.all(all.map((child) => child.ask('open', addressOf(redisUrl))))
      }
      const pace = quick ? 'quick' : 'full'
      const one = await stampedes(
        processes.map(({ all }) => all.slice(0, 1)),
        pace,
        (done) => progress(done / 2, 'in one process'),
      )
      const four = await stampedes(
        processes.map(({ all }) => all),
        pace,
        (done) => progress((1 + done) / 2, 'in four'),
      )
      return reportOf(
        processes.map(({ kind }, index) => ({ kind, one: one[index] as Stampede, four: four[index] as Stampede })),
      )
    } finally {
      for (const child of processes.flatMap(({ all }) => all)) child.stop()
    }
  },
}

/**
 * The peers take turns.
 *
 * @param peers the processes of each, that ask for a key together
 */
async function stampedes(
  peers: ReadonlyArray<readonly Process[]>,
  pace: 'full' | 'quick',
  onRun: (done: number) => void,
): Promise<Stampede[]> {
  const times = WARM_UPS[pace] + RUNS[pace]
  const runs: Stampeded[][] = peers.map(() => [])
  for (let run = 0; run < times; run++) {
    for (const [index, among] of peers.entries()) {
      const at = Date.now() + 20
      const results = await Promise.all(among.map((child) => child.ask('run', `cold:${among.length}:${run}`, at)))
      runs[index]?.push({
        loads: results.reduce((sum, { loads }) => sum + loads, 0),
        took: Math.max(...results.map(({ took }) => took)),
      })
    }
    onRun((run + 1) / times)
  }
  return runs.map((all) => ({
    loads: Math.max(...all.map(({ loads }) => loads)),
    took: spreadOf(all.slice(WARM_UPS[pace]).map(({ took }) => took)),
  }))
}

function reportOf(found: readonly Found[]): ProgramReport {
  const cells = ({ loads, took }: Stampede): Array<string | number> => {
    return [loads, rounded(took.measured, 1), `${took.low.toFixed(1)} … ${took.high.toFixed(1)}`]
  }
  return {
    tables: [
      {
        title: 'A stampede',
        columns: ['', 'loads in one process', 'ms', 'middle half', 'loads in four', 'ms', 'middle half'],
        rows: found.map(({ kind, one, four }) => [kind.name, ...cells(one), ...cells(four)]),
        note: NOTE,
        bars: {
          name: 'peers-stampede',
          subtitle: 'How often 1,000 callers in each of four processes ask the origin together: less is better.',
          unit: '',
          scale: 'log',
          index: 4,
        },
      },
    ],
    bounds: boundsOf(found),
    complaints: [],
  }
}

function boundsOf(found: readonly Found[]): BoundCheck[] {
  const ours = found.find(({ kind }) => kind.name === OURS_METERED)
  if (ours === undefined) throw new Error(`'${OURS_METERED}' was not measured`)
  const loads = (where: string, measured: number): BoundCheck => {
    return { figure: `stampede in ${where}, loads`, unit: 'x', measured, limit: 1, kind: 'at most' }
  }
  const time = (where: string, { took }: Stampede, bound: Pick<BoundCheck, 'kind' | 'limit'>): BoundCheck => {
    return { figure: `stampede in ${where}`, unit: 'ms', ...took, ...bound }
  }
  const { one, four } = ours
  return [
    loads('one process', one.loads),
    time('one process', one, { kind: 'at most', limit: 53 }),
    loads('four processes', four.loads),
    time('four processes', four, { kind: 'under', limit: 80 }),
  ]
}
