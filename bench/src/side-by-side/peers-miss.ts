import { isOverRedis } from '../peers/peers.js'
import type { Program } from '../program.js'
import { addressOf } from './address.js'
import { miss } from './scenarios.js'
import { Turns } from './take-turns.js'
import { turnsTable } from './turns-table.js'

const NOTE =
  'A key that nobody has, with a loader that answers at once: memory and Redis, or Redis alone where a library has ' +
  'no two tiers. The floors read, load and write. Only otel-cache takes a lease, so that one process of many loads.'

export const peersMiss: Program = {
  name: 'peers-miss',
  about: 'a read that the loader answers, beside other caches',
  async run({ redisUrl, quick, progress }) {
    const turns = new Turns(quick, isOverRedis)
    try {
      const taken = await turns.measure(miss, addressOf(redisUrl), progress)
      const tiers = ({ tiers }: { readonly tiers: readonly string[] }): string =>
        tiers.includes('both') ? 'two' : 'Redis'
      const table = turnsTable('A miss', taken, 'µs', 'tiers', tiers)
      return { tables: [{ ...table, note: NOTE }], bounds: [], complaints: turns.complaints }
    } finally {
      turns.stop()
    }
  },
}
