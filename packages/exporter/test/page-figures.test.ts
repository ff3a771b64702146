import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { bytes, count, duration, NONE, orNone, percent, rate } from '../src/page/format.js'
import { History } from '../src/page/history.js'
import { type Point, toPoint } from '../src/page/point.js'
import { quantile } from '../src/page/quantile.js'
import { parseSamples } from '../src/page/samples.js'
import { emptyTally } from '../src/page/tally.js'

/** The page's memory after scrapes, each at its time in seconds. */
function after(...scrapes: [time: number, text: string][]): ReadonlyMap<string, readonly Point[]> {
  const history = new History()
  for (const [time, text] of scrapes) history.add(time, parseSamples(text, 'redis_cache_'))
  return history.caches()
}

const newest = (...scrapes: [time: number, text: string][]) =>
  after(...scrapes)
    .get('a')
    ?.at(-1) as Point

describe('a scrape', () => {
  test('is read with its labels, numbers and time stamps', () => {
    const text = [
      '# HELP redis_cache_x the help',
      'redis_cache_x{cache="a",le="+Inf"} +Inf',
      'redis_cache_y -1.5e-3 1700000000000',
      'redis_cache_z{} NaN',
      'other_x 1',
      'redis_cache_ not a sample at all',
      '',
    ].join('\n')
    expect(parseSamples(text, 'redis_cache_').map(({ name, labels, value }) => [name, [...labels], value])).toEqual([
      [
        'redis_cache_x',
        [
          ['cache', 'a'],
          ['le', '+Inf'],
        ],
        Number.POSITIVE_INFINITY,
      ],
      ['redis_cache_y', [], -0.0015],
      ['redis_cache_z', [], Number.NaN],
    ])
  })

  test.each([
    ['"><img src=x onerror=alert(1)>', String.raw`\"><img src=x onerror=alert(1)>`],
    ['__proto__', '__proto__'],
    ['} 1', '} 1'],
    ['a\nb', String.raw`a\nb`],
    ['a\rb', 'a\rb'],
    ['a\u2028b', 'a\u2028b'],
    [String.raw`\n`, String.raw`\\n`],
    ['x="1",y="', String.raw`x=\"1\",y=\"`],
  ])('is read with the value %j', (value, written) => {
    const [sample] = parseSamples(`x{before="1",cache="${written}",after="2"} 7`, '')
    expect([...(sample?.labels ?? [])]).toEqual([
      ['before', '1'],
      ['cache', value],
      ['after', '2'],
    ])
    expect(sample?.value).toBe(7)
  })
})

describe('a quantile', () => {
  const buckets = (...pairs: [number, number][]) => new Map(pairs)
  const Inf = Number.POSITIVE_INFINITY

  test.each([
    ['lies within its bucket', 0.5, buckets([1, 0], [2, 10], [Inf, 10]), 1.5],
    ['begins at 0', 0.5, buckets([1, 10], [Inf, 10]), 0.5],
    ['takes bounds in any order', 0.5, buckets([Inf, 10], [2, 10], [1, 0]), 1.5],
    ['is never above the highest bound', 0.99, buckets([1, 1], [2, 1], [Inf, 10]), 2],
    ['is none without observations', 0.5, buckets([1, 0], [Inf, 0]), null],
    ['is none without buckets', 0.5, buckets(), null],
    ['is none without the infinite bucket', 0.5, buckets([1, 10]), null],
    ['is none where there is but the infinite one', 0.5, buckets([Inf, 10]), null],
  ])('%s', (_, q, given, expected) => {
    expect(quantile(q, given)).toBe(expected)
  })
})

describe('the figures of a cache', () => {
  const traffic = (memory: number, redis: number, misses: number) => `
redis_cache_hits_total{cache="a",tier="memory"} ${memory}
redis_cache_hits_total{cache="a",tier="redis"} ${redis}
redis_cache_misses_total{cache="a",reason="absent"} ${misses}
redis_cache_misses_total{cache="a",reason="expired"} 0`

  test('are rates over the window before', () => {
    const point = newest([0, traffic(0, 0, 0)], [10, traffic(1_000, 0, 0)], [20, traffic(1_060, 20, 20)])
    expect(point).toMatchObject({ memoryHits: 6, redisHits: 2, misses: 2, lookups: 10, hitRatio: 0.8 })
  })

  test('are none at first, whatever has been counted before', () => {
    expect(newest([0, traffic(10, 0, 5)])).toMatchObject({ memoryHits: null, lookups: null, hitRatio: null })
  })

  test('have no ratio while nothing happens', () => {
    expect(newest([0, traffic(9, 0, 1)], [2, traffic(9, 0, 1)])).toMatchObject({ lookups: 0, hitRatio: null })
  })

  test('survive a restart of the process', () => {
    const point = newest([0, traffic(1_000, 0, 100)], [5, traffic(1_030, 0, 100)], [10, traffic(10, 0, 10)])
    expect(point).toMatchObject({ memoryHits: 4, misses: 1, hitRatio: 0.8 })
  })

  test('count a cache from its beginning that was made meanwhile', () => {
    expect(newest([0, ''], [10, traffic(80, 0, 20)])).toMatchObject({ memoryHits: 8, misses: 2, hitRatio: 0.8 })
  })

  test('have a gap, not a rate, where nobody looked', () => {
    const points = after(
      [0, traffic(0, 0, 0)],
      [2, traffic(10, 0, 0)],
      [602, traffic(9_000, 0, 0)],
      [604, traffic(9_002, 0, 0)],
    )
    expect(points.get('a')?.map(({ time, memoryHits }) => [time, memoryHits])).toEqual([
      [302, null],
      [602, null],
      [604, 1],
    ])
  })

  test('are forgotten after ten minutes, and with them a cache that is told of no more', () => {
    const scrapes = Array.from({ length: 61 }, (_, index): [number, string] => [10 * (index + 1), ''])
    expect(
      after([0, traffic(1, 1, 1)], [10, traffic(2, 1, 1)], ...scrapes.slice(1, 60))
        .get('a')
        ?.at(-1),
    ).toMatchObject({ lookups: null })
    expect(after([0, traffic(1, 1, 1)], [10, traffic(2, 1, 1)], ...scrapes.slice(1)).size).toBe(0)
  })

  test('begin anew when the clock is set back', () => {
    const points = after(
      [100, traffic(0, 0, 0)],
      [102, traffic(9, 0, 0)],
      [50, traffic(9, 0, 0)],
      [52, traffic(13, 0, 0)],
    )
    expect(points.get('a')?.map(({ time, memoryHits }) => [time, memoryHits])).toEqual([
      [50, null],
      [52, 2],
    ])
  })

  test('are of each cache, whatever its name', () => {
    const of = (name: string) => `redis_cache_memory_entries{cache="${name}"} 1`
    expect([...after([0, [of('b'), of('__proto__'), of('constructor')].join('\n')]).keys()]).toEqual([
      '__proto__',
      'b',
      'constructor',
    ])
  })

  test('are of all workers: the worst breaker, the oldest proof, all their memory', () => {
    const gauges = (worker: number, state: number, age: number, size: number) => `
redis_cache_circuit_state{cache="a",worker="${worker}"} ${state}
redis_cache_proof_age_seconds{cache="a",worker="${worker}"} ${age}
redis_cache_memory_bytes{cache="a",worker="${worker}"} ${size}
redis_cache_memory_entries{cache="a",worker="${worker}"} ${size / 10}`
    const two = gauges(1, 2, 0.1, 100) + gauges(2, 0, 5, 200)
    const expected = { circuit: 2, proofAge: 5, memoryBytes: 300, memoryEntries: 30 }
    expect(newest([0, two], [2, two])).toMatchObject(expected)
  })

  test('have neither breaker nor proof where there is no Redis', () => {
    const point = newest([0, 'redis_cache_memory_bytes{cache="a"} 0'])
    expect(point).toMatchObject({ circuit: null, proofAge: null, memoryBytes: 0, errors: null })
  })

  describe('latencies', () => {
    const histogram = (family: string, unit: number, [fast, all]: [number, number]) => `
${family}_bucket{cache="a",operation="get",le="${0.001 * unit}"} ${fast}
${family}_bucket{cache="a",operation="get",le="${0.002 * unit}"} ${all}
${family}_bucket{cache="a",operation="get",le="+Inf"} ${all}`
    const seconds = (...counts: [number, number]) => histogram('redis_cache_operation_duration_seconds', 1, counts)
    const milliseconds = (...counts: [number, number]) => histogram('redis_cache_latency_ms', 1_000, counts)

    test('are of the window alone', () => {
      const point = newest([0, seconds(1_000, 1_000)], [10, seconds(1_000, 1_100)])
      expect(point.latency('get')).toEqual([expect.closeTo(0.0015), expect.closeTo(0.00195), expect.closeTo(0.00199)])
      expect(point.latency('set')).toEqual([null, null, null])
    })

    test('are of the milliseconds where the cache keeps no other', () => {
      const point = newest([0, milliseconds(0, 0)], [10, milliseconds(100, 100)])
      expect(point.latency('get')[0]).toBeCloseTo(0.0005, 9)
    })

    test('are of the seconds, not of both, where there are both', () => {
      const point = newest([0, seconds(0, 0) + milliseconds(0, 0)], [10, seconds(100, 100) + milliseconds(0, 100)])
      expect(point.latency('get')[0]).toBeCloseTo(0.0005, 9)
    })

    test('are none while nothing is timed', () => {
      expect(newest([0, seconds(5, 5)], [2, seconds(5, 5)]).latency('get')).toEqual([null, null, null])
    })
  })
})

test('a point does not keep the tallies that it is made of, ten minutes of which are many', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const make = () => {
    const tally = emptyTally()
    return { point: toPoint({ time: 2, tally }, { time: 0, tally: emptyTally() }), tally: new WeakRef(tally) }
  }
  const { point, tally } = make()
  // A reference holds until the end of the job that made it.
  await setImmediate()
  collect()
  expect(tally.deref()).toBeUndefined()
  expect(point.latency('get')).toEqual([null, null, null])
})

test.each([
  [percent, 0.9, '90.0 %'],
  [percent, 1, '100.0 %'],
  [rate, 0, '0/s'],
  [rate, 12.345, '12.3/s'],
  [rate, 12_345.6, '12,346/s'],
  [count, 1_234_567, '1.23M'],
  [duration, 0, '0 s'],
  [duration, 0.000_214, '214 µs'],
  [duration, 0.012_34, '12.3 ms'],
  [duration, 7.5, '7.5 s'],
  [duration, 3_600, '60 min'],
  [bytes, 0, '0 B'],
  [bytes, 1_536, '1.5 KiB'],
  [bytes, 2 ** 40, '1,024 GiB'],
] as const)('%o of %d reads %s', (format, value, expected) => {
  expect(orNone(value, format)).toBe(expected)
  expect(orNone(null, format)).toBe(NONE)
})
