import type { Group } from './group.js'
import { compressionAndEncryption } from './groups/compression-and-encryption.js'
import { getManyMemory, getManyRedis } from './groups/get-many.js'
import { memoryHit, memoryHitPerTurn } from './groups/memory-hit.js'
import { miss } from './groups/miss.js'
import { redisHit10kb, redisHit64Callers, redisHit200b } from './groups/redis-hit.js'
import { scrape } from './groups/scrape.js'
import { set } from './groups/set.js'
import { stampede } from './groups/stampede.js'
import { telemetry } from './groups/telemetry.js'

/** All that can be measured, in the order in which it is. */
export const groups: readonly Group[] = [
  memoryHit,
  memoryHitPerTurn,
  redisHit200b,
  redisHit10kb,
  redisHit64Callers,
  miss,
  set,
  stampede,
  telemetry,
  getManyMemory,
  getManyRedis,
  ...compressionAndEncryption,
  scrape,
]
