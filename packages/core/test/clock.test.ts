import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { TurnClock } from '../src/clock.js'
import { turn } from './support/fake-clock.js'
import { stall } from './support/stall.js'
import { until } from './support/until.js'

/** A wall clock that this test sets. */
function wallClock(): { jump(ms: number): void } {
  let offset = 0
  const now = Date.now
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => now() + offset)
  onTestFinished(() => spy.mockRestore())
  return {
    jump(ms) {
      offset += ms
    },
  }
}

describe('the time of a turn', () => {
  test('stands still within the turn, and has moved on in a later one', async () => {
    const clock = new TurnClock()
    const first = clock.now()
    stall(5)
    expect(clock.now()).toBe(first)
    await Promise.resolve()
    expect(clock.now()).toBe(first)
    await turn()
    expect(clock.now()).toBeGreaterThanOrEqual(first + 5)
  })

  test('does not lag behind after an idle while', async () => {
    const clock = new TurnClock()
    const first = clock.now()
    const started = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(clock.now() - first).toBeGreaterThanOrEqual(Math.floor(performance.now() - started) - 1)
  })

  test('tells of each turn once, at its first reading', async () => {
    const clock = new TurnClock()
    let turns = 0
    clock.onTurn = () => {
      turns += 1
    }
    clock.now()
    clock.now()
    expect(turns).toBe(1)
    await turn()
    expect(turns).toBe(1)
    clock.now()
    expect(turns).toBe(2)
  })

  test('jumps forward with the wall clock, as after a suspension, and never back', async () => {
    const wall = wallClock()
    const clock = new TurnClock()
    const first = clock.now()
    await turn()
    wall.jump(60_000)
    const awake = clock.now()
    expect(awake - first).toBeGreaterThan(59_999)
    await turn()
    wall.jump(-3_600_000)
    const setBack = clock.now()
    expect(setBack).toBeGreaterThanOrEqual(awake)
    expect(setBack - awake).toBeLessThan(30_000)
  })

  test('small steps of the wall clock, as of NTP, are not added up', async () => {
    const wall = wallClock()
    const clock = new TurnClock()
    const first = clock.now()
    const started = performance.now()
    for (let step = 0; step < 50; step++) {
      await turn()
      wall.jump(step % 2 === 0 ? 5 : -5)
      clock.now()
    }
    await turn()
    expect(clock.now() - first).toBeLessThan(performance.now() - started + 200)
  })
})

describe('a timer', () => {
  test('runs once its delay is over, and keeps no process alive', async () => {
    const clock = new TurnClock()
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    let ran = false
    clock.after(10, () => {
      ran = true
    })
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBe(before)
    expect(ran).toBe(false)
    await until(() => ran)
  })

  test('does not run when it was cancelled, and cancelling again is harmless', async () => {
    const clock = new TurnClock()
    let ran = false
    const cancel = clock.after(5, () => {
      ran = true
    })
    cancel()
    cancel()
    let later = false
    clock.after(30, () => {
      later = true
    })
    await until(() => later)
    expect(ran).toBe(false)
  })

  test.each([Infinity, 2 ** 31, Number.MAX_SAFE_INTEGER])('a delay of %d is long, not none', async (delay) => {
    const clock = new TurnClock()
    let ran = false
    const cancel = clock.after(delay, () => {
      ran = true
    })
    let later = false
    clock.after(20, () => {
      later = true
    })
    await until(() => later)
    expect(ran).toBe(false)
    cancel()
  })

  test('what has arrived on sockets is handled first', async () => {
    const clock = new TurnClock()
    const order: string[] = []
    setImmediate(() => order.push('arrival'))
    clock.afterArrivals(() => order.push('after'))
    await until(() => order.length === 2)
    expect(order).toEqual(['arrival', 'after'])
  })
})
