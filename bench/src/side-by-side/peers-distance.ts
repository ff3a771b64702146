import { Child } from '../child.js'
import { isOverRedis } from '../peers/peers.js'
import type { Program, Table } from '../program.js'
import { addressOf } from './address.js'
import type { DistanceTasks } from './distance-worker.js'
import { atDistance } from './scenarios.js'
import { Turns } from './take-turns.js'
import { turnsTable } from './turns-table.js'

const NOTE =
  'A proxy holds everything for half a millisecond in each direction. `takes / ours` near 1 for one caller: the distance ' +
  'is all that is seen. With many, it shows who makes few trips.'

export const peersDistance: Program = {
  name: 'peers-distance',
  about: 'hits, misses and bulk over a round trip that is 1 ms longer, beside other caches',
  async run({ redisUrl, quick, progress }) {
    const distance = new Child<DistanceTasks>(new URL('./distance-worker.js', import.meta.url), '1 ms')
    const turns = new Turns(quick, isOverRedis)
    try {
      const redis = await distance.ask('open', addressOf(redisUrl))
      const tables: Table[] = []
      const scenarios = quick ? atDistance.slice(0, 2) : atDistance
      for (const [index, scenario] of scenarios.entries()) {
        const taken = await turns.measure(scenario, redis, (done, text) =>
          progress((index + done) / scenarios.length, text),
        )
        const shown = scenario.callers === 1 ? 'µs' : 'thousand a second'
        tables.push({ ...turnsTable(`1 ms away: ${scenario.name}`, taken, shown), note: NOTE })
      }
      return { tables, bounds: [], complaints: turns.complaints }
    } finally {
      turns.stop()
      distance.stop()
    }
  },
}
