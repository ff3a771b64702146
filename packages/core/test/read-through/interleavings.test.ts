import fc from 'fast-check'
import { describe, test } from 'vitest'
import { noUnhandledRejections } from '../support/unhandled.js'
import { Play } from './support/play.js'
import { type Setting, type Step, setting, steps } from './support/steps.js'
import { useTimedRedis } from './support/stores.js'

noUnhandledRejections()

/**
 * More runs, or those of a failure again: `FAST_CHECK_RUNS=100000`, `FAST_CHECK_SEED=…` as it was printed.
 *
 * @param share of the runs in memory, which are 1,000 unless asked for otherwise
 */
function parameters(share: number): fc.Parameters<[Setting, readonly Step[]]> {
  const { FAST_CHECK_RUNS = '1000', FAST_CHECK_SEED } = process.env
  const numRuns = Math.ceil(Number(FAST_CHECK_RUNS) * share)
  return {
    numRuns,
    includeErrorInReport: true,
    ...(FAST_CHECK_SEED !== undefined && { seed: Number(FAST_CHECK_SEED) }),
  }
}

const TIMEOUT = 10 * 60_000

describe('whatever is called in whatever order, callers get only what the model allows', () => {
  const redis = useTimedRedis()

  test('in memory', { timeout: TIMEOUT }, () =>
    fc.assert(
      fc.asyncProperty(setting, steps, (chosen, all) => new Play(chosen, undefined, true).play(all)),
      parameters(1),
    ),
  )

  test('in Redis', { timeout: TIMEOUT }, () =>
    fc.assert(
      fc.asyncProperty(setting, steps, (chosen, all) => new Play(chosen, redis.client, false).play(all)),
      parameters(0.1),
    ),
  )

  test('in memory over Redis', { timeout: TIMEOUT }, () =>
    fc.assert(
      fc.asyncProperty(setting, steps, (chosen, all) => new Play(chosen, redis.client, true).play(all)),
      parameters(0.1),
    ),
  )
})
