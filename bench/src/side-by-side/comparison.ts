import type { PeerKind } from '../peers/peer.js'
import type { BoundCheck, Program, Table } from '../program.js'
import { addressOf } from './address.js'
import type { Scenario } from './scenario.js'
import { type Taken, Turns } from './take-turns.js'
import { type LastColumn, type Shown, turnsTable } from './turns-table.js'

/** Peers that take turns in some scenarios, and the tables made of that. */
export interface Comparison extends Pick<Program, 'name' | 'about'> {
  readonly scenarios: readonly Scenario[]
  /** The title of a scenario's table is this and the scenario's name. */
  readonly title: string
  readonly note?: string
  /** Which peers can do it. */
  readonly can: (kind: PeerKind) => boolean
  /** In what one caller's time is shown. Default µs; that of many is shown as throughput. */
  readonly shown?: Shown
  readonly lastColumn?: LastColumn
  readonly boundsOf?: (taken: readonly Taken[]) => readonly BoundCheck[]
}

export function programOf(comparison: Comparison): Program {
  const { name, about, scenarios, title, note, can, shown = 'µs', lastColumn, boundsOf } = comparison
  return {
    name,
    about,
    ...(boundsOf === undefined && { isLong: true as const }),
    async run({ redisUrl, quick, progress }) {
      const turns = new Turns(quick, can)
      const tables: Table[] = []
      const bounds: BoundCheck[] = []
      try {
        for (const [index, scenario] of scenarios.entries()) {
          const taken = await turns.measure(scenario, addressOf(redisUrl), (done, text) =>
            progress((index + done) / scenarios.length, text),
          )
          const unit = scenario.callers === 1 ? shown : 'thousand a second'
          const chart = `${name} ${scenario.name}`.replaceAll(/\W+/g, '-')
          const table = turnsTable(`${title}${scenario.name}`, taken, unit, chart, lastColumn)
          tables.push(note === undefined ? table : { ...table, note })
          bounds.push(...(boundsOf?.(taken) ?? []))
        }
        return { tables, bounds, complaints: turns.complaints }
      } finally {
        turns.stop()
      }
    },
  }
}
