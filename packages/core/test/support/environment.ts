import type { Environment } from '../../src/environment.js'
import { newGenerationId } from '../../src/redis/generation-id.js'
import { FakeClock } from './fake-clock.js'

export interface FakeEnvironment extends Environment {
  readonly clock: FakeClock
}

/** @param random 0, the default, leaves lifetimes as they are: jitter shortens by a share of it */
export function fakeEnvironment(random: () => number = () => 0): FakeEnvironment {
  return { clock: new FakeClock(), random, newId: newGenerationId }
}
