import { bench, group as mitataGroup, run } from 'mitata'
import type { Case, Group } from './group.js'
import type { MitataStats } from './measure.js'

/**
 * Has mitata print its table. It asks for the stats of one case after the other, in order.
 *
 * @param statsOf measures a case, wherever; mitata itself would do it in this process, for as long as it likes
 */
export async function printTable(
  groups: readonly Group[],
  statsOf: (group: Group, one: Case) => Promise<MitataStats>,
): Promise<void> {
  for (const group of groups) {
    mitataGroup(group.name, () => {
      for (const one of group.cases) {
        const name = one.callers === undefined || one.callers === 1 ? one.name : `${one.name}, x${one.callers}`
        bench(name, () => {}).run = async () => ({
          kind: 'static',
          alias: name,
          args: {},
          baseline: false,
          runs: [{ name, args: {}, stats: await statsOf(group, one), error: undefined }],
          style: { compact: false, highlight: false },
        })
      }
    })
  }
  const { NO_COLOR } = process.env
  await run({ throw: true, colors: process.stdout.isTTY === true && !NO_COLOR })
}
