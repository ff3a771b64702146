import { expect } from 'vitest'
import type { Fault } from './fault.js'
import { ENOUGH, type Played } from './play.js'

/** Promised: 100 ms, the default `redisTimeout`. The rest is for a machine that has other things to do. */
const SLOWEST = 1_000
/** Promised: 1 s. */
const TRUSTED_AFTER = 3_000
/** With an open breaker there is no wait at all; half of the callers must notice even on a busy machine. */
const SKIPPING = 50
/** Deadlines that a starved machine may miss where Redis is well. Fewer than a breaker or a broken promise makes. */
const NOISE = 8

/** What is owed whatever happens, and what this fault's callers are owed beyond. */
export function expectPromisesKept({ owed }: Fault, played: Played): void {
  const { during, since, errors, hasOpened } = played
  expect([...played.lies]).toEqual([])
  if (!owed.forgets) expect(played.contradictions).toEqual([])
  for (const [what, one, other] of played.accounts) expect(one, what).toBe(other)

  expect(during.length, 'calls').toBeGreaterThan(ENOUGH)
  expect(slowest(since), 'the slowest wait').toBeLessThan(SLOWEST)
  const skipping = during.filter(({ wasClosed }) => !wasClosed).map(({ began, ended }) => ended - began)
  expect(median(skipping), 'a wait behind an open breaker').toBeLessThan(SKIPPING)
  expect(played.trustedAfter, 'trusted again').toBeLessThan(TRUSTED_AFTER)
  expect(played.replayedAfter, 'replayed').toBeLessThan(TRUSTED_AFTER)

  if (owed.breaker === 'opens') expect(hasOpened, 'the breaker opened').toBe(true)
  if (owed.breaker === 'stays closed')
    expect({ hasOpened, skipped: played.skipped }).toEqual({ hasOpened: false, skipped: 0 })
  if (owed.error !== undefined) expect(errors).toHaveProperty(owed.error)
  const expected: ReadonlySet<string> = new Set([owed.error ?? '', ...(owed.orErrors ?? [])])
  for (const [type, count] of Object.entries(errors)) {
    if (expected.has(type)) continue
    expect(type).toBe('timeout')
    expect(count, 'timeouts').toBeLessThanOrEqual(NOISE)
  }
  if (owed.hits) expect(played.redisHits, 'hits meanwhile').toBeGreaterThan(0)
  for (const operation of ['set', 'delete'] as const) {
    if (owed[operation] === undefined) continue
    const contrary = owed[operation] ? 'unconfirmed' : 'confirmed'
    const wrong = during.filter((call) => call.operation === operation && call.result === contrary)
    const mayBe = owed[operation] ? NOISE : 0
    expect(wrong.length, `${operation} ${contrary}`).toBeLessThanOrEqual(mayBe)
  }
}

export function slowest(calls: Played['since']): number {
  return Math.max(0, ...calls.map(({ began, ended }) => ended - began))
}

function median(values: number[]): number {
  return values.sort((one, other) => one - other)[values.length >> 1] ?? 0
}
