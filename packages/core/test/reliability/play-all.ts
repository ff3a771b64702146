import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { turn } from '../support/fake-clock.js'
import type { Fault } from './fault.js'
import { play } from './play.js'
import { expectPromisesKept } from './promises.js'
import { clientsOf, rowOf } from './results.js'

/** One test for each fault and client, several at a time. What was seen is left for whoever records the run. */
export function playAll(faults: readonly Fault[]): void {
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown): unknown => unhandled.push(reason)
  beforeAll(() => void process.on('unhandledRejection', onUnhandled))
  afterAll(async () => {
    await turn()
    process.off('unhandledRejection', onUnhandled)
    expect(unhandled).toEqual([])
  })

  for (const fault of faults) {
    describe(fault.name, { concurrent: !fault.alone }, () => {
      test.for(clientsOf(fault))('%s', async (client, { task }) => {
        const played = await play(fault, client)
        task.meta.row = rowOf(fault, client, played)
        expectPromisesKept(fault, played)
      })
    })
  }
}
