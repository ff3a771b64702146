import type { Program, Table } from '../program.js'
import { addressOf } from './address.js'
import { redisHits } from './scenarios.js'
import { Turns } from './take-turns.js'
import { turnsTable } from './turns-table.js'

export const peersRedisHit: Program = {
  name: 'peers-redis-hit',
  about: 'a read that Redis answers, of 200 B and 10 kB, by one caller and by 64, beside other caches',
  async run({ redisUrl, quick, progress }) {
    const turns = new Turns(quick, ({ tiers }) => tiers.includes('redis'))
    try {
      const tables: Table[] = []
      for (const [index, scenario] of redisHits.entries()) {
        const taken = await turns.measure(scenario, addressOf(redisUrl), (done, text) =>
          progress((index + done) / redisHits.length, text),
        )
        const shown = scenario.callers === 1 ? 'µs' : 'thousand a second'
        tables.push(turnsTable(`A hit in Redis: ${scenario.name}`, taken, shown))
      }
      return { tables, bounds: [], complaints: turns.complaints }
    } finally {
      turns.stop()
    }
  },
}
