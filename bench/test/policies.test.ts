import { describe, expect, test } from 'vitest'
import { FrequencySketch } from '../dist/traces/frequency-sketch.js'
import { policies } from '../dist/traces/policies.js'
import { replay } from '../dist/traces/replay.js'

/** What each request of a sequence comes to: `.` a miss, `+` a hit. */
function hitsOf(name: string, capacity: number, keys: string): string {
  const requests = Int32Array.from(keys, (key) => key.charCodeAt(0))
  const policy = policies[name]?.(capacity, requests)
  return Array.from(requests, (key) => (policy?.request(key) ? '+' : '.')).join('')
}

describe('policies, checked by hand', () => {
  test('LRU evicts what was not asked for longest', () => {
    // c evicts b, b evicts a.
    expect(hitsOf('LRU', 2, 'abacba')).toBe('..+...')
  })

  test('SIEVE moves a hand, and leaves what was asked for where it is', () => {
    // d: the hand passes a, evicts b. b: it evicts c. c: it passes d, evicts b.
    expect(hitsOf('SIEVE', 3, 'abcadabdca')).toBe('...+.+.+.+')
  })

  test('S3-FIFO keeps newcomers small and remembers ghosts', () => {
    // d: a goes to the main queue, b becomes a ghost. b and c come back as ghosts. d: a goes round once, b is evicted.
    expect(hitsOf('S3-FIFO', 3, 'abcadbcadab')).toBe('...+...+.+.')
  })

  test('W-TinyLFU lets in only what is asked for more often', () => {
    // e: d leaves the window, and is asked for less often than a. f: d, by now asked for three times, displaces b.
    expect(hitsOf('W-TinyLFU', 4, 'aabcdedadfbd')).toBe('.+.....++..+')
  })

  test('the optimum evicts, or does not take, what comes last again', () => {
    expect(hitsOf('optimum', 2, 'abcab')).toBe('...++')
    expect(hitsOf('optimum', 2, 'abcbac')).toBe('...++.')
  })
})

test('the sketch counts, and halves all counts after ten requests for each entry', () => {
  const sketch = new FrequencySketch(1)
  for (let i = 0; i < 9; i++) sketch.add(5)
  expect([sketch.estimate(5), sketch.estimate(6)]).toEqual([9, 0])
  sketch.add(5)
  expect(sketch.estimate(5)).toBe(5)
})

test('the memory of this cache is an LRU', async () => {
  let state = 1
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  const requests = Int32Array.from({ length: 5_000 }, () => Math.floor(random() * random() * 500))
  const trace = { name: 'random', requests, keys: new Set(requests).size }
  const [ours, lru] = [await replay('otel-cache', trace, 50), await replay('LRU', trace, 50)]
  expect(lru.hits).toBeGreaterThan(500)
  expect(ours.hits).toBe(lru.hits)
})
