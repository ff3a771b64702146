import { openCache } from './cache.js'
import { TurnClock } from './clock.js'
import { quickenStrings } from './quick-strings.js'
import { newGenerationId } from './redis/generation-id.js'
import type { Cache, CacheOptions } from './types.js'

/**
 * Makes a cache over memory and, with `redis`, over the application's Redis.
 *
 * @throws InvalidOptionError naming the option, what was expected and what was received
 * @example
 * const cache = createCache({ name: 'users', redis })
 * const user = await cache.getOrSet('42', () => db.findUser(42), { ttl: 60_000 })
 */
export function createCache(options: CacheOptions): Cache {
  // Here, because the client that is given has been loaded by now.
  quickenStrings()
  return openCache(options, { clock: new TurnClock(), random: Math.random, newId: newGenerationId })
}
