import { OURS_METERED } from '../peers/peers.js'
import type { BoundCheck, Program } from '../program.js'
import { spreadOf } from '../statistics.js'
import { programOf } from './comparison.js'
import { memoryHit } from './scenarios.js'
import type { Taken } from './take-turns.js'
import { rounded, roundsOf } from './turns-table.js'

export const peersMemoryHit: Program = programOf({
  name: 'peers-memory-hit',
  about: 'a hit in memory, with and without metrics, beside other caches',
  scenarios: [memoryHit],
  title: 'Side by side: ',
  shown: 'ns',
  can: ({ tiers }) => tiers.includes('memory') || tiers.includes('both'),
  lastColumn: { title: 'hands out', cell: ({ handsOut }) => handsOut },
  boundsOf: (taken) => [aheadOfPeers(taken)],
  note:
    'Awaited read-through of 256 keys, memory alone; node-redis has no memory without a Redis behind it, which is not ' +
    'asked. Whoever hands out references lets a caller change what is cached.',
})

/** Ours with metrics, and the fastest of the others without: compared within each round. */
function aheadOfPeers(taken: readonly Taken[]): BoundCheck {
  const others = taken.filter(({ kind }) => !kind.floor && !kind.metered && !kind.name.startsWith('otel-cache'))
  const ours = roundsOf(OURS_METERED, taken)
  const ratios = others.map(({ kind, rounds }) => ({
    name: kind.name,
    ratio: spreadOf(rounds.map((time, round) => rounded((ours[round] as number) / time, 2))),
  }))
  const closest = ratios.reduce((one, other) => (one.ratio.measured > other.ratio.measured ? one : other))
  return {
    figure: `memory hit, metered, over the fastest peer without metrics (${closest.name})`,
    unit: 'x',
    ...closest.ratio,
    limit: 1,
    kind: 'under',
  }
}
