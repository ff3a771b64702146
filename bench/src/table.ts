import { bench, group as mitataGroup, run } from 'mitata'
import type { Group } from './group.js'
import type { MitataStats } from './measure.js'

/**
 * Has mitata print its table. It asks for one case after the other, in order.
 *
 * @param measure a group, wherever, and resolves to the stats of its cases; mitata itself would do it in this process,
 *   for as long as it likes. Of a group for which this rejects, each line says why
 */
export async function printTable(
  groups: readonly Group[],
  measure: (group: Group) => Promise<readonly MitataStats[]>,
): Promise<void> {
  for (const group of groups) {
    let measured: Promise<readonly MitataStats[]> | undefined
    mitataGroup(group.name, () => {
      for (const [index, one] of group.cases.entries()) {
        const name = one.callers === undefined || one.callers === 1 ? one.name : `${one.name}, x${one.callers}`
        bench(name, () => {}).run = async () => {
          measured ??= measure(group)
          const outcome = await measured.then(
            (all) => ({ stats: all[index], error: undefined }),
            (error: unknown) => ({ stats: undefined, error }),
          )
          return {
            kind: 'static',
            alias: name,
            args: {},
            baseline: false,
            runs: [{ name, args: {}, ...outcome }],
            style: { compact: false, highlight: false },
          }
        }
      }
    })
  }
  const { NO_COLOR } = process.env
  await run({ throw: true, colors: process.stdout.isTTY === true && !NO_COLOR })
}
