import type { RedisServer } from './redis.js'

/** Puts into `started` what has started even where another one fails, so that it can be stopped. */
export async function startAll(
  count: number,
  started: RedisServer[],
  start: (index: number) => Promise<RedisServer>,
): Promise<void> {
  const results = await Promise.allSettled(Array.from({ length: count }, (_, index) => start(index)))
  for (const result of results) if (result.status === 'fulfilled') started.push(result.value)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
