import { expect, test } from 'vitest'
import { Budget } from '../src/redis/budget.js'
import { InOrder } from '../src/redis/in-order.js'
import { FakeClock, turn } from './support/fake-clock.js'
import { noUnhandledRejections } from './support/unhandled.js'
import { deferred } from './support/until.js'

noUnhandledRejections()

function setUp() {
  const clock = new FakeClock()
  const inOrder = new InOrder(clock)
  const log: string[] = []
  /** A change that ends when it is told to. */
  const change = (name: string, left = 100, names: readonly string[] = ['k']) => {
    const { promise, resolve } = deferred<string>()
    const begin = () => {
      log.push(name)
      return promise
    }
    const lost = () => {
      log.push(`${name} is lost`)
      return 'late'
    }
    const result = inOrder.run(names, new Budget(left, clock), begin, lost)
    return { result, end: () => resolve(name) }
  }
  return { clock, log, change }
}

test('changes of one name are made in their order', async () => {
  const { clock, log, change } = setUp()
  const [a, b, c] = [change('a'), change('b'), change('c')]
  const other = change('other', 100, ['other'])
  await turn()
  expect(log).toEqual(['a', 'other'])
  a.end()
  await turn()
  expect(log).toEqual(['a', 'other', 'b'])
  b.end()
  c.end()
  other.end()
  expect(await Promise.all([a.result, b.result, c.result])).toEqual(['a', 'b', 'c'])
  expect(clock.pending).toBe(0)
})

test('one of several names waits for all that were before', async () => {
  const { log, change } = setUp()
  const [a, b] = [change('a', 100, ['a']), change('b', 100, ['b'])]
  const both = change('both', 100, ['a', 'b', 'a'])
  const last = change('last', 100, ['b'])
  a.end()
  await turn()
  expect(log).toEqual(['a', 'b'])
  b.end()
  both.end()
  last.end()
  await last.result
  expect(log).toEqual(['a', 'b', 'both', 'last'])
})

test('one waits no longer than it may, and is lost once more when those before have ended', async () => {
  const { clock, log, change } = setUp()
  const slow = change('slow', 1_000)
  const hasty = change('hasty', 10)
  const patient = change('patient', 1_000)
  await clock.advance(10)
  expect(await hasty.result).toBe('late')
  expect(log).toEqual(['slow', 'hasty is lost'])
  await clock.advance(200)
  slow.end()
  patient.end()
  expect(await patient.result).toBe('patient')
  expect(log).toEqual(['slow', 'hasty is lost', 'hasty is lost', 'patient'])
  expect(clock.pending).toBe(0)
})
