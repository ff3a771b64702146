import { Child } from '../child.js'
import type { PeerKind } from '../peers/peer.js'
import { isOverRedis, OURS_METERED, peers } from '../peers/peers.js'
import type { BoundCheck, Program } from '../program.js'
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

export const peersStampede: Program = {
  name: 'peers-stampede',
  about: '1,000 callers of a cold key in one process and in four, beside other caches',
  async run({ redisUrl, quick, progress }) {
    const found: Found[] = []
    const kinds = peers.filter(isOverRedis)
    for (const [index, kind] of kinds.entries()) {
      progress(index / kinds.length, kind.name)
      found.push(await stampedesOf(kind, redisUrl, quick ? 'quick' : 'full'))
    }
    return {
      tables: [
        {
          title: 'A stampede',
          columns: ['', 'loads in one process', 'ms', 'loads in four', 'ms'],
          rows: found.map(({ kind, one, four }) => [
            kind.name,
            one.loads,
            rounded(one.took.measured, 1),
            four.loads,
            rounded(four.took.measured, 1),
          ]),
          note: NOTE,
          bars: {
            name: 'peers-stampede',
            subtitle: 'How often 1,000 callers in each of four processes ask the origin together: less is better.',
            unit: '',
            scale: 'log',
            index: 3,
          },
        },
      ],
      bounds: boundsOf(found),
      complaints: [],
    }
  },
}

async function stampedesOf(kind: PeerKind, redisUrl: string, pace: 'full' | 'quick'): Promise<Found> {
  const module = new URL('./stampede-worker.js', import.meta.url)
  const children = Array.from({ length: PROCESSES }, () => new Child<StampedeTasks>(module, kind.name))
  const stampedes = async (among: typeof children): Promise<Stampede> => {
    const runs: Stampeded[] = []
    for (let run = 0; run < WARM_UPS[pace] + RUNS[pace]; run++) {
      const at = Date.now() + 20
      const results = await Promise.all(among.map((child) => child.ask('run', `cold:${among.length}:${run}`, at)))
      runs.push({
        loads: results.reduce((sum, { loads }) => sum + loads, 0),
        took: Math.max(...results.map(({ took }) => took)),
      })
    }
    return {
      loads: Math.max(...runs.map(({ loads }) => loads)),
      took: spreadOf(runs.slice(WARM_UPS[pace]).map(({ took }) => took)),
    }
  }
  try {
    await Promise.all(children.map((child) => child.ask('open', addressOf(redisUrl))))
    return { kind, one: await stampedes(children.slice(0, 1)), four: await stampedes(children) }
  } finally {
    for (const child of children) child.stop()
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
