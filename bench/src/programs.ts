import { redisCallers } from './callers/callers.js'
import { failuresProgram } from './failures/program.js'
import type { Program } from './program.js'
import { peersDistance } from './side-by-side/peers-distance.js'
import { peersImport } from './side-by-side/peers-import.js'
import { peersMemoryHit } from './side-by-side/peers-memory-hit.js'
import { peersMemoryUse } from './side-by-side/peers-memory-use.js'
import { peersBulk, peersMiss, peersRedisHit } from './side-by-side/peers-over-redis.js'
import { peersStampede } from './side-by-side/peers-stampede.js'
import { tracesProgram } from './traces/program.js'

/** All that is measured in a way of its own, in the order in which it is. */
export const programs: readonly Program[] = [
  redisCallers,
  peersMemoryHit,
  peersRedisHit,
  peersMiss,
  peersBulk,
  peersStampede,
  peersDistance,
  peersMemoryUse,
  peersImport,
  failuresProgram,
  tracesProgram,
]
