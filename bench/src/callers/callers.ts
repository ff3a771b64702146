import { Child } from '../child.js'
import type { Program, Table } from '../program.js'
import { median, spreadOf } from '../statistics.js'
import type { CallersTasks } from './callers-process.js'
import { CLIENTS, type ClientName, type Measured } from './client.js'

const CALLERS = [1, 8, 64, 512]
const ROUNDS = { full: 5, quick: 3 }
const SLICE = { full: 400, quick: 100 }

/** Many callers of one process, each of whom asks for another key as soon as it has been answered. */
export const redisCallers: Program = {
  name: 'redis-callers',
  about: 'throughput, event-loop delay and bytes on the wire at 1, 8, 64 and 512 callers',
  isLong: true,
  async run({ redisUrl, quick, progress }) {
    const [rounds, slice] = quick ? [ROUNDS.quick, SLICE.quick] : [ROUNDS.full, SLICE.full]
    const found = new Map<string, Measured[]>()
    const module = new URL('./callers-process.js', import.meta.url)
    const clients = CLIENTS.map((name) => ({ name, child: new Child<CallersTasks>(module, name) }))
    try {
      for (const { child } of clients) await child.ask('open', redisUrl)
      for (let round = 0; round < rounds; round++) {
        progress(round / rounds, `round ${round + 1} of ${rounds}`)
        // In turns, so that what the machine does meanwhile falls on all of them.
        for (const callers of CALLERS) {
          for (const { name, child } of clients) {
            const measured = await child.ask('measure', { callers, duration: slice })
            const key = keyOf(name, callers)
            found.set(key, [...(found.get(key) ?? []), measured])
          }
        }
      }
    } finally {
      for (const { child } of clients) child.stop()
    }
    return { tables: [tableOf(found)], bounds: [], complaints: [] }
  },
}

function tableOf(found: ReadonlyMap<string, readonly Measured[]>): Table {
  const roundsOf = (name: ClientName, callers: number, what: keyof Measured): number[] =>
    (found.get(keyOf(name, callers)) ?? []).map((measured) => measured[what])
  const rows = CALLERS.flatMap((callers) => {
    const floor = roundsOf('ioredis', callers, 'throughput')
    return CLIENTS.map((name) => {
      const of = (what: keyof Measured): number => median(roundsOf(name, callers, what))
      const ratio = spreadOf(
        roundsOf(name, callers, 'throughput').map((rate, round) => rate / (floor[round] as number)),
      )
      return [
        callers,
        name,
        Math.round(of('throughput') / 1_000),
        `${ratio.measured.toFixed(2)}x`,
        `${ratio.low.toFixed(2)} … ${ratio.high.toFixed(2)}`,
        of('delay').toFixed(1),
        Math.round(of('written')),
        Math.round(of('read')),
      ]
    })
  })
  return {
    title: 'Gets of 200 B from Redis by many callers of one process',
    columns: [
      'callers',
      '',
      'thousand/s',
      'of ioredis',
      'middle half',
      'event-loop delay p99, ms',
      'bytes sent',
      'bytes received',
    ],
    rows,
    bars: {
      name: 'redis-callers',
      subtitle: 'Throughput over that of ioredis at as many callers, in the same rounds: more is better.',
      unit: 'x',
      index: 3,
      labels: [0, 1],
    },
    note: 'Medians of rounds that take turns; ioredis parses JSON as the cache does. Bytes are per get, on the wire.',
  }
}

function keyOf(name: ClientName, callers: number): string {
  return `${name} x${callers}`
}
