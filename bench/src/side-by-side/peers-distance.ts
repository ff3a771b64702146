import { Child } from '../child.js'
import { isOverRedis } from '../peers/peers.js'
import type { Program } from '../program.js'
import { addressOf } from './address.js'
import { programOf } from './comparison.js'
import type { DistanceTasks } from './distance-worker.js'
import { bulk, hitAlone, hitTogether, miss } from './scenarios.js'

const NOTE =
  'A proxy holds everything for half a millisecond in each direction. One caller sees little but the distance. Callers ' +
  'whose reads travel together wait for each other: with 64 that ask again at once, one command a read is ahead, and ' +
  'what travels together saves processors, not time.'

export const peersDistance: Program = {
  name: 'peers-distance',
  about: 'hits, misses and bulk over a round trip that is 1 ms longer, beside other caches',
  isLong: true,
  async run(context) {
    const { redisUrl, quick } = context
    const distance = new Child<DistanceTasks>(new URL('./distance-worker.js', import.meta.url), '1 ms')
    try {
      const { host, port } = await distance.ask('open', addressOf(redisUrl))
      const comparison = programOf({
        ...peersDistance,
        // Many callers first: they warm V8 up in no time, one caller never would.
        scenarios: quick ? [hitTogether, hitAlone] : [hitTogether, hitAlone, miss, bulk],
        title: '1 ms away: ',
        can: isOverRedis,
        note: NOTE,
      })
      return await comparison.run({ ...context, redisUrl: `redis://${host}:${port}` })
    } finally {
      distance.stop()
    }
  },
}
