import type { Generations } from '../generations.js'
import type { RedisKeys } from '../keys.js'
import type { Budget } from './budget.js'
import type { Coherence } from './coherence.js'
import type { RedisConnection } from './connection.js'
import type { Deletes } from './deletes.js'
import type { Reader } from './reader.js'
import type { RedisClock } from './redis-clock.js'

/** What the parts of the Redis tier stand on. */
export interface Parts {
  readonly connection: RedisConnection
  readonly redisClock: RedisClock
  readonly reader: Reader
  readonly deletes: Deletes
  readonly coherence: Coherence
  readonly generations: Generations
  readonly keys: RedisKeys
  readonly newId: () => string
  /** For what goes on in the background. */
  readonly newBudget: () => Budget
}
