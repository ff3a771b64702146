import type { ProgramReport } from '../program.js'
import type { Results } from '../results.js'
import type { Result } from '../summary.js'

/** Figures of the run that other pages quote, as the rows of tables with a column of labels. By the name of their block. */
export const QUOTED: Readonly<Record<string, (results: Results) => readonly (readonly string[])[]>> = {
  costs,
  packing,
  'beside-bentocache': (results) => beside('bentocache', results),
  'beside-cache-manager': (results) => beside('cache-manager', results),
  'beside-cacheable': (results) => beside('cacheable', results),
  'beside-node-redis': (results) => beside('node-redis', results),
}

/** What a quick or a filtered run leaves out. */
const NOT_MEASURED = 'not measured'

const HIT = ['peers-memory-hit', 'Side by side: a hit in memory', 'ns'] as const
const SMALL = ['peers-redis-hit', 'Side by side: a hit in Redis, 200 B, one caller', 'µs'] as const
const LARGE = ['peers-redis-hit', 'Side by side: a hit in Redis, 10 kB, one caller', 'µs'] as const
const MISS = ['peers-miss', 'Side by side: a miss', 'µs'] as const
const ENTRY = ['peers-memory-use', '1,000,000 small entries in memory', 'bytes an entry'] as const
const IMPORT = ['peers-import', 'Import', 'memory alone, ms'] as const
const IMPORT_WITH_REDIS = ['peers-import', 'Import', 'with Redis, ms'] as const

/** What the cache costs, beside what one would write by hand. */
function costs(results: Results): string[][] {
  const of = cellsOf(results)
  const hit = resultOf(results, 'memory-hit', 'getOrSet', 'lru-cache get, awaited')
  const small = resultOf(results, 'redis-hit-200b', 'get', 'ioredis get + JSON.parse')
  const miss = resultOf(results, 'miss', 'getOrSet', 'ioredis get, loader, set PX')
  const set = resultOf(results, 'set', 'set', 'ioredis set PX')
  const bulk = resultOf(results, 'get-many-redis', 'getMany', 'ioredis mget + JSON.parse')
  const both = resultOf(results, 'telemetry', 'delete, one reader', 'delete')
  const one = resultOf(results, 'telemetry', 'delete, one reader, seconds alone', 'delete')
  return [
    ['', 'this cache', 'beside'],
    ['a hit in memory', nanoseconds(hit?.subjectNs), `\`lru-cache\`, awaited: ${nanoseconds(hit?.floorNs)}`],
    [
      'a hit in Redis, 200 B, one caller',
      microseconds(small?.subjectNs),
      `ioredis, \`JSON.parse\`: ${microseconds(small?.floorNs)}`,
    ],
    [
      'a miss, with a loader that answers at once',
      microseconds(miss?.subjectNs),
      `ioredis, \`GET\`, \`SET\`: ${microseconds(miss?.floorNs)}`,
    ],
    ['a set', microseconds(set?.subjectNs), `ioredis, \`SET\`: ${microseconds(set?.floorNs)}`],
    [
      '100 hits in Redis in one call',
      microseconds(bulk?.subjectNs),
      `ioredis, \`MGET\`: ${microseconds(bulk?.floorNs)}`,
    ],
    ['memory for each of a million small entries', of(ENTRY, 'otel-cache'), `\`lru-cache\`: ${of(ENTRY, 'lru-cache')}`],
    ['to import it', of(IMPORT, 'otel-cache'), `ioredis alone: ${of(IMPORT_WITH_REDIS, 'ioredis')}`],
    [
      'metrics, of a `delete` in memory, with both histograms',
      `${microseconds(both?.value)} more`,
      `one histogram: ${microseconds(one?.value)}`,
    ],
  ]
}

/** What a library takes, and what this cache takes. */
function beside(peer: string, results: Results): string[][] {
  const of = cellsOf(results)
  const scenarios = [
    ['a hit in memory', HIT],
    ['a hit in Redis, 200 B', SMALL],
    ['a hit in Redis, 10 kB', LARGE],
    ['a miss', MISS],
  ] as const
  const rows = scenarios.map(([name, place]) => [name, of(place, peer), of(place, 'otel-cache')])
  return [['', peer, 'here'], ...rows]
}

/** What compression and encryption add to a `get` and to a `set`, and what is left of a value. */
function packing({ figures }: Results): string[][] {
  const group = (size: string) => figures.filter((figure) => figure.group === `compression-and-encryption-${size}`)
  const sizes = [group('1kb'), group('10kb'), group('100kb')]
  const names = [...new Set(sizes.flat().map(({ subject }) => subject))]
  const added = names.map((name) => [name, ...sizes.map((all) => `+${microseconds(found(all, name)?.value)}`)])
  const stored = names.flatMap((name) => {
    const shares = sizes.flatMap((all) => {
      const share = found(all, name)?.stored
      return share === undefined ? [] : [`${Math.round((100 * share.subject) / share.floor)} %`]
    })
    return shares.length === 0 ? [] : [[`stored${name.replace(/^get/, '')}`, ...shares]]
  })
  const plain = ['get', 'set'].map((floor) => [
    `${floor}, without either`,
    ...sizes.map((all) => microseconds(all.find((figure) => figure.floor === floor)?.floorNs)),
  ])
  return [['', '1 kB', '10 kB', '100 kB'], ...plain, ...added, ...stored]
}

function found(figures: readonly Result[], subject: string): Result | undefined {
  return figures.find((figure) => figure.subject === subject)
}

function resultOf({ figures }: Results, group: string, subject: string, floor: string): Result | undefined {
  return found(
    figures.filter((figure) => figure.group === group && figure.floor === floor),
    subject,
  )
}

type Place = readonly [program: string, title: string, column: string]

/** Looks a cell up in the tables of the programs, and gives it the unit of its column. */
function cellsOf({ programs }: Results): (place: Place, row: string) => string {
  return ([program, title, column], row) => {
    const table = (programs[program] as ProgramReport | undefined)?.tables.find((table) => table.title === title)
    const value = table?.rows.find(([name]) => name === row)?.[table.columns.indexOf(column)]
    if (typeof value !== 'number') return NOT_MEASURED
    const unit = column === 'bytes an entry' ? 'bytes' : (column.split(' ').at(-1) ?? '')
    return `${(value < 10 ? value : Math.round(value)).toLocaleString('en')} ${unit}`
  }
}

function microseconds(ns: number | undefined): string {
  if (ns === undefined) return NOT_MEASURED
  const value = ns / 1_000
  return `${value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 })} µs`
}

function nanoseconds(ns: number | undefined): string {
  return ns === undefined ? NOT_MEASURED : `${Math.round(ns)} ns`
}
