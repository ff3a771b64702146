import type { PeerKind } from '../peers/peer.js'
import { isOverRedis } from '../peers/peers.js'
import type { Program } from '../program.js'
import { addressOf } from './address.js'
import { bulk } from './scenarios.js'
import { Turns } from './take-turns.js'
import { turnsTable } from './turns-table.js'

const NOTE = 'A hundred hits of 200 B in Redis. Whoever has no read of many makes a hundred calls at once.'
const WITHOUT: ReadonlySet<string> = new Set(['bentocache', 'async-cache-dedupe'])

export const peersBulk: Program = {
  name: 'peers-bulk',
  about: 'a hundred reads that Redis answers, beside other caches',
  async run({ redisUrl, quick, progress }) {
    const turns = new Turns(quick, isOverRedis)
    try {
      const taken = await turns.measure(bulk, addressOf(redisUrl), progress)
      const by = ({ name }: PeerKind): string => (WITHOUT.has(name) ? '100 calls' : 'one call')
      const table = turnsTable('A hundred hits in Redis', taken, 'µs', 'by', by)
      return { tables: [{ ...table, note: NOTE }], bounds: [], complaints: turns.complaints }
    } finally {
      turns.stop()
    }
  },
}
