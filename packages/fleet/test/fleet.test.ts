import { type RedisServer, startRedis } from '@otel-cache/test-servers'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Fleet } from '../src/fleet.js'
import { now } from '../src/journal.js'
import { measureLatency } from '../src/latency.js'
import type { Member } from '../src/member.js'
import type { LoaderPlan, Plan } from '../src/messages.js'
import { describeViolation, lineOf } from '../src/report.js'
import { run } from '../src/run.js'
import { SHORT_SCENARIOS } from '../src/scenarios.js'

const LONG = 90_000

test.each(SHORT_SCENARIOS)('no read is wrong: $name', { timeout: LONG }, async (scenario) => {
  const outcome = await run(scenario, { seed: 1 })
  console.log(lineOf(outcome))
  expect(outcome.violations.map(describeViolation)).toEqual([])
  // Else nothing was proven.
  expect(outcome.hits).toBeGreaterThan(5_000)
  expect(outcome.changes).toBeGreaterThan(50)
})

test('memory elsewhere hears of a write within milliseconds', { timeout: LONG }, async () => {
  const { latency } = await measureLatency({ seed: 1, watchers: 3, writes: 100, pause: 10 })
  expect(latency.count).toBeGreaterThan(50)
  // The median: other tests run on this machine. `pnpm soak` measures the rest.
  expect(latency.p50).toBeLessThan(10)
})

describe('one load for the fleet', { timeout: LONG }, () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.stop())

  async function startFleet(size: number, cache: Plan['cache'] = {}): Promise<Fleet> {
    await redis.command('FLUSHALL')
    const fleet = await Fleet.start({ size, seed: 1, target: { host: redis.host, port: redis.port }, cache })
    onTestFinished(() => fleet.end())
    return fleet
  }

  function ask(member: Member | undefined, callers: number, loader: LoaderPlan): void {
    member?.send({ kind: 'call', key: 'cold', callers, loader })
  }

  test('eight processes with 1,000 callers each of one cold key', async () => {
    const fleet = await startFleet(8)
    for (const member of fleet.members) ask(member, 1_000, { takes: 50 })
    const called = await Promise.all(fleet.members.map((member) => member.answer('called')))
    expect(called.flatMap(({ errors }) => errors)).toEqual([])
    expect(called.reduce((sum, { loads }) => sum + loads, 0)).toBe(1)
    expect(new Set(called.flatMap(({ values }) => values)).size).toBe(1)
    await fleet.stop()
  })

  test('a leader that dies is replaced within 3 s', async () => {
    const fleet = await startFleet(4)
    const [leader, ...others] = fleet.members
    ask(leader, 1, 'hangs')
    await leader?.answer('loading')
    for (const other of others) ask(other, 100, { takes: 50 })
    await leader?.kill()
    const called = await Promise.all(others.map((member) => member.answer('called')))
    const died = leader?.killedAt ?? Number.NaN
    for (const { at, errors } of called) {
      expect(errors).toEqual([])
      expect(at - died).toBeLessThan(3_000)
    }
    expect(called.reduce((sum, { loads }) => sum + loads, 0)).toBe(1)
    await fleet.stop()
  })

  test('a leader that hangs is replaced at its loadTimeout', async () => {
    const loadTimeout = 1_000
    const fleet = await startFleet(4, { loadTimeout })
    const [leader, ...others] = fleet.members
    ask(leader, 1, 'hangs')
    const { at: began } = (await leader?.answer('loading')) ?? { at: now() }
    for (const other of others) ask(other, 100, { takes: 50 })
    const called = await Promise.all(others.map((member) => member.answer('called')))
    for (const { at, errors } of called) {
      expect(errors).toEqual([])
      expect(at - began).toBeLessThan(loadTimeout + 1_000)
    }
    expect(called.reduce((sum, { loads }) => sum + loads, 0)).toBe(1)
    const failed = await leader?.answer('called')
    expect(failed?.errors).toEqual([expect.stringContaining('LoadTimeoutError')])
    await fleet.stop()
  })
})
