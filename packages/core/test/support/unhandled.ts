import { afterEach, beforeEach, expect } from 'vitest'
import { turn } from './fake-clock.js'

/** Fails the test during which a promise was rejected and nobody handled it. */
export function noUnhandledRejections(): void {
  let unhandled: unknown[] = []
  const onUnhandled = (reason: unknown): void => {
    unhandled.push(reason)
  }
  beforeEach(() => {
    unhandled = []
    process.on('unhandledRejection', onUnhandled)
  })
  afterEach(async () => {
    await turn()
    await turn()
    process.off('unhandledRejection', onUnhandled)
    expect(unhandled).toEqual([])
  })
}
