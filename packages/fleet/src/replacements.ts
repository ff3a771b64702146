import type { Change, History, KeyHistory, Version } from './history.js'

const NO_CHANGES: readonly Change[] = []

/** Finds for each value the change that was first known to have replaced it. The rules are the oracle's: see there. */
export class Replacements {
  readonly #keys: readonly KeyHistory[]
  readonly #known = new Map<Version, Change | undefined>()
  readonly #knownOwn = new Map<Version, Map<number, Change | undefined>>()

  constructor({ keys }: Pick<History, 'keys'>) {
    this.#keys = keys
  }

  /** For everybody. */
  of(version: Version): Change | undefined {
    if (this.#known.has(version)) return this.#known.get(version)
    const { fences, raws } = this.#keys[version.key] as KeyHistory
    const change = earlier(firstSince(version.fencedFrom, fences, version), firstSince(version.storedBy, raws, version))
    this.#known.set(version, change)
    return change
  }

  /** For the process that made the change. */
  ownOf(version: Version, process: number): Change | undefined {
    let known = this.#knownOwn.get(version)
    if (known === undefined) {
      known = new Map()
      this.#knownOwn.set(version, known)
    }
    if (known.has(process)) return known.get(process)
    const { ownFences, ownDemands } = this.#keys[version.key] as KeyHistory
    const change = earlier(
      firstSince(version.fencedFrom, ownFences.get(process) ?? NO_CHANGES, version),
      firstSince(version.storedBy, ownDemands.get(process) ?? NO_CHANGES, version),
    )
    known.set(process, change)
    return change
  }
}

/** Of the changes that began later than this, the one that returned first. */
function firstSince(since: number, changes: readonly Change[], { began }: Version): Change | undefined {
  let first: Change | undefined
  for (let index = indexAfter(since, changes); index < changes.length; index++) {
    const change = changes[index] as Change
    if (first !== undefined && change.start >= first.returned) break
    if (change.seen !== began.value) first = earlier(first, change)
  }
  return first
}

/** The first index of a change that began later than this. */
function indexAfter(since: number, changes: readonly Change[]): number {
  let [low, high] = [0, changes.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((changes[middle] as Change).start > since) high = middle
    else low = middle + 1
  }
  return low
}

function earlier(one: Change | undefined, other: Change | undefined): Change | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return other.returned < one.returned ? other : one
}
