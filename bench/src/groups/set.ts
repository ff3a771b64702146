import { inTurn, manyKeys, smallDocument, TTL } from '../documents.js'
import { type Case, type Group, timesOf, unmeteredAndMetered } from '../group.js'

const BARE = 'ioredis set PX'

const bare: Case = {
  name: BARE,
  awaited: true,
  async prepare(stage) {
    const redis = await stage.redis()
    const key = inTurn(manyKeys('bare:set:'))
    let id = 0
    return () => redis.set(key(), JSON.stringify(smallDocument(id++)), 'PX', TTL)
  },
}

/** A new value under a key that has one. The contract sets no bound of its own for it. */
export const set: Group = {
  name: 'set',
  isLong: true,
  cases: [
    bare,
    ...unmeteredAndMetered(
      ({ metered, suffix }): Case => ({
        name: `set${suffix}`,
        awaited: true,
        async prepare(stage) {
          const cache = stage.cache({ redis: await stage.redis() }, metered, 'no lookups')
          const key = inTurn(manyKeys(''))
          let id = 0
          return () => cache.set(key(), smallDocument(id++))
        },
      }),
    ),
  ],
  figures: timesOf('set', BARE),
}
