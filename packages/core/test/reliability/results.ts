import type { ClientName, Fault } from './fault.js'
import type { Played } from './play.js'
import { slowest } from './promises.js'

/** One fault as one client went through it: what is recorded, and rendered into the document. */
export interface Row {
  readonly fault: string
  readonly client: ClientName
  /** What callers got while it lasted. */
  readonly got: {
    readonly cached: number
    readonly loaded: number
    readonly nothing: number
    readonly set: Confirmed
    readonly delete: Confirmed
  }
  readonly slowestWait: number
  readonly errors: Readonly<Record<string, number>>
  readonly skipped: number
  readonly breakerOpened: boolean
  readonly mostUnconfirmed: number
  readonly trustedAfter: number
  readonly replayedAfter: number
  /** Reads of what had been changed before. Not 0 only where Redis itself loses what it has confirmed. */
  readonly lost: number
}

interface Confirmed {
  readonly confirmed: number
  readonly of: number
}

/** What a test leaves for whoever records the run. */
declare module 'vitest' {
  interface TaskMeta {
    row?: Row
    outage?: Outage
  }
}

/** Ten minutes without Redis, in simulated time. */
export interface Outage {
  readonly outage: string
  readonly calls: number
  readonly heapGrowth: number
  readonly commandsOutstanding: number
  readonly mostUnconfirmed: number
  readonly timersLeft: number
}

/** What is written to docs/reliability/results.json. */
export interface Results {
  readonly machine: { readonly node: string; readonly redis: string; readonly cpus: number; readonly date: string }
  readonly faults: readonly Row[]
  readonly outages: readonly Outage[]
}

/** Where a run is recorded, and what is made of it. */
const ROOT = new URL('../../../../docs/', import.meta.url)
export const RESULTS = new URL('reliability/results.json', ROOT)
/** What `pnpm soak --record` has measured, as a part of the page. */
export const COHERENCE = new URL('reliability/coherence.md', ROOT)
export const DOCUMENT = new URL('reliability.md', ROOT)

export function clientsOf({ clients = ['ioredis 6'] }: Fault): readonly ClientName[] {
  return clients
}

/** What tells one row from all others. */
export function keyOf({ fault, client }: Pick<Row, 'fault' | 'client'>): string {
  return `${fault}, ${client}`
}

/** Of the rows that a fault must have. */
export function keysOf(fault: Fault): string[] {
  return clientsOf(fault).map((client) => keyOf({ fault: fault.name, client }))
}

export function rowOf({ name }: Fault, client: ClientName, played: Played): Row {
  const { during } = played
  const reads = (result: string): number => during.filter((call) => call.result === result).length
  const confirmed = (operation: 'set' | 'delete'): Confirmed => {
    const calls = during.filter((call) => call.operation === operation)
    return { confirmed: calls.filter(({ result }) => result === 'confirmed').length, of: calls.length }
  }
  return {
    fault: name,
    client,
    got: {
      cached: reads('cached'),
      loaded: reads('loaded'),
      nothing: reads('nothing'),
      set: confirmed('set'),
      delete: confirmed('delete'),
    },
    slowestWait: Math.ceil(slowest(played.since)),
    errors: played.errors,
    skipped: played.skipped,
    breakerOpened: played.hasOpened,
    mostUnconfirmed: played.mostUnconfirmed,
    trustedAfter: Math.ceil(played.trustedAfter),
    replayedAfter: Math.ceil(played.replayedAfter),
    lost: played.contradictions.length,
  }
}
