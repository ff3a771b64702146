import type { History, KeyHistory, Version } from './history.js'
import { KIND } from './journal.js'

/**
 * Loads that began while another process's load of the same key ran, and nothing that ends a load (a change, a look that
 * found the key gone) had come since that one began.
 */
export function countDoubleLoads({ versions, keys }: History): number {
  const byKey = keys.map((): Version[] => [])
  for (const version of versions.values()) if (version.began.kind === KIND.beginLoad) byKey[version.key]?.push(version)
  return byKey.reduce((sum, loads, key) => sum + doubleLoadsOf(loads, keys[key] as KeyHistory), 0)
}

function doubleLoadsOf(loads: Version[], { all }: KeyHistory): number {
  loads.sort((one, other) => one.began.start - other.began.start)
  const changes = all.filter(({ kind }) => kind >= KIND.set && kind <= KIND.flush)
  let running: Version[] = []
  let doubles = 0
  for (const load of loads) {
    const { start, process } = load.began
    running = running.filter(({ landed }) => landed > start)
    const isDouble = running.some(
      ({ began }) =>
        began.process !== process && !changes.some((change) => change.end > began.start && change.start < start),
    )
    if (isDouble) doubles += 1
    running.push(load)
  }
  return doubles
}
