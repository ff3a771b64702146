import { onTestFinished } from 'vitest'
import { openCache } from '../../src/cache.js'
import { type Cache, type CacheOptions, createCache } from '../../src/index.js'
import { type FakeEnvironment, fakeEnvironment } from './environment.js'

let made = 0

/** A name, and so a key prefix, that no other test has. */
export function freshName(): string {
  made += 1
  return `test-${process.pid}-${made}`
}

/** A cache on the process's own time that is closed when its test ends. */
export function makeCache(options: Partial<CacheOptions> = {}): Cache {
  return closedAfterTest(createCache({ name: freshName(), ...options }))
}

/**
 * A cache whose time is the test's. Time that stands still and a server's answers do not go together: there is no
 * invalidation channel, so that memory is believed for `maxStaleness`.
 */
export function makeTimedCache(
  options: Partial<CacheOptions> = {},
  environment: FakeEnvironment = fakeEnvironment(),
): { cache: Cache; clock: FakeEnvironment['clock'] } {
  if (options.redis !== undefined) withoutChannel(options.redis)
  return {
    cache: closedAfterTest(openCache({ name: freshName(), ...options }, environment)),
    clock: environment.clock,
  }
}

/** As of a server that offers none. */
export function withoutChannel(client: object): void {
  const duplicate = (): never => {
    throw new Error('there is no second connection')
  }
  Object.defineProperty(client, 'duplicate', { value: duplicate, configurable: true })
}

function closedAfterTest(cache: Cache): Cache {
  onTestFinished(async () => {
    await cache.close()
  })
  return cache
}
