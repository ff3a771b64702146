import { isOverRedis } from '../peers/peers.js'
import type { Program } from '../program.js'
import { programOf } from './comparison.js'
import { bulk, miss, redisHits } from './scenarios.js'

const WITHOUT_BULK: ReadonlySet<string> = new Set(['bentocache', 'async-cache-dedupe'])

export const peersRedisHit: Program = programOf({
  name: 'peers-redis-hit',
  about: 'a hit in Redis, of 200 B and 10 kB, by one caller and by 64, beside other caches',
  scenarios: redisHits,
  title: 'Side by side: a hit in Redis, ',
  can: ({ tiers }) => tiers.includes('redis'),
})

export const peersMiss: Program = programOf({
  name: 'peers-miss',
  about: 'a read that the loader answers, beside other caches',
  scenarios: [miss],
  title: 'Side by side: ',
  can: isOverRedis,
  lastColumn: { title: 'tiers', cell: ({ tiers }) => (tiers.includes('both') ? 'two' : 'Redis') },
  note:
    'A key that nobody has, with a loader that answers at once. The floors read, load and write. Only otel-cache takes a ' +
    'lease, so that one process of many loads.',
})

export const peersBulk: Program = programOf({
  name: 'peers-bulk',
  about: 'a hundred hits in Redis, beside other caches',
  scenarios: [bulk],
  title: 'Side by side: ',
  can: isOverRedis,
  lastColumn: { title: 'by', cell: ({ name }) => (WITHOUT_BULK.has(name) ? '100 calls' : 'one call') },
  note: 'Hits of 200 B in Redis. Whoever has no read of many makes a hundred calls at once.',
})
