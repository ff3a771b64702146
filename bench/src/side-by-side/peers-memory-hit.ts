import { OURS_METERED } from '../peers/peers.js'
import type { BoundCheck, Program } from '../program.js'
import { median } from '../statistics.js'
import { addressOf } from './address.js'
import { memoryHit } from './scenarios.js'
import { type Taken, Turns } from './take-turns.js'
import { rounded, roundsOf, turnsTable } from './turns-table.js'

const NOTE =
  'Awaited read-through of 256 keys, memory alone; node-redis has no memory without a Redis behind it, which is not ' +
  'asked. Whoever hands out references lets a caller change what is cached.'

export const peersMemoryHit: Program = {
  name: 'peers-memory-hit',
  about: 'a hit in memory, with and without metrics, beside other caches',
  async run({ redisUrl, quick, progress }) {
    const turns = new Turns(quick, ({ tiers }) => tiers.includes('memory') || tiers.includes('both'))
    try {
      const taken = await turns.measure(memoryHit, addressOf(redisUrl), progress)
      const table = turnsTable('A hit in memory', taken, 'ns', 'hands out', ({ handsOut }) => handsOut)
      return { tables: [{ ...table, note: NOTE }], bounds: [aheadOfPeers(taken)], complaints: turns.complaints }
    } finally {
      turns.stop()
    }
  },
}

/** Ours with metrics, and the fastest of the others without: compared within each round. */
function aheadOfPeers(taken: readonly Taken[]): BoundCheck {
  const others = taken.filter(({ kind }) => !kind.floor && !kind.metered && !kind.name.startsWith('otel-cache'))
  const ours = roundsOf(OURS_METERED, taken)
  const ratios = others.map(({ kind, rounds }) => ({
    name: kind.name,
    ratio: median(rounds.map((time, round) => (ours[round] as number) / time)),
  }))
  const closest = ratios.reduce((one, other) => (one.ratio > other.ratio ? one : other))
  return {
    figure: `memory hit, metered, over the fastest peer without metrics (${closest.name})`,
    unit: 'x',
    measured: rounded(closest.ratio, 2),
    limit: 1,
    kind: 'under',
  }
}
