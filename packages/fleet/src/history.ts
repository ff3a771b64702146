import { KIND, MISS, type Operation, operationAt, STRIDE } from './journal.js'
import { hasTag, isInScope, SUBJECTS } from './layout.js'

/** What one process recorded. */
export interface Testimony {
  readonly process: number
  readonly records: Float64Array
  /** When it was killed, so that what it had begun never ended. */
  readonly killedAt: number | undefined
}

/** A time between which Redis itself may have lost what it had confirmed. */
export interface Window {
  readonly from: number
  readonly to: number
}

export type Deed = Operation & { readonly process: number }

/** A value that was written or loaded, once. */
export interface Version {
  readonly key: number
  readonly began: Deed
  /** Changes of this SDK that began later have replaced it: when its load began, or when its `set` had ended. */
  fencedFrom: number
  /** Anything that began later has replaced it: from here on it was in Redis, or never will be. */
  storedBy: number
  /** Of a load: when the call that loaded had returned. */
  landed: number
}

/**
 * A change that is over: whatever it has replaced is not in Redis any more from `returned` on, save the value that was
 * `seen` there.
 */
export interface Change {
  readonly deed: Deed
  readonly start: number
  readonly returned: number
  readonly seen: number
}

/** The changes of one key, by what they are able to replace. Each list in the order of their starts. */
export class KeyHistory {
  /** Confirmed by the SDK: they replace whatever was loaded or stored before, and fence loads that began before. */
  readonly fences: Change[] = []
  /** Foreign writes, replays, and what was seen to be gone: they replace what was stored before. */
  readonly raws: Change[] = []
  /** By process, `fences` of its own. */
  readonly ownFences: Map<number, Change[]> = new Map()
  /** By process, its unconfirmed deletes, which it does before it reads the key again. */
  readonly ownDemands: Map<number, Change[]> = new Map()
  readonly all: Deed[] = []
}

export interface History {
  readonly versions: ReadonlyMap<number, Version>
  readonly keys: readonly KeyHistory[]
}

/**
 * What happened to each key and to each value.
 *
 * @param late milliseconds after which a write that was not confirmed, or whose process died, is not applied any more:
 * STORE_VALUE refuses what comes later than its sender gave up
 */
export function historyOf(testimonies: readonly Testimony[], windows: readonly Window[], late: number): History {
  const versions = new Map<number, Version>()
  const keys = SUBJECTS.map(() => new KeyHistory())
  for (const { process, records, killedAt } of testimonies) {
    const never = killedAt === undefined ? Infinity : killedAt + late
    for (let at = 0; at < records.length; at += STRIDE) {
      const kind = records[at]
      if (kind !== KIND.beginSet && kind !== KIND.beginLoad && kind !== KIND.foreignSet) continue
      const began = { ...operationAt(records, at), process }
      const fencedFrom = kind === KIND.beginLoad ? began.start : kind === KIND.foreignSet ? began.end : never
      const storedBy = kind === KIND.foreignSet ? began.end : never
      versions.set(began.value, { key: began.subject, began, fencedFrom, storedBy, landed: never })
    }
  }
  for (const testimony of testimonies) new Chronicle(versions, keys, windows, late).tell(testimony)
  const inOrder = (one: { start: number }, other: { start: number }): number => one.start - other.start
  for (const { fences, raws, ownFences, ownDemands, all } of keys) {
    for (const list of [fences, raws, ...ownFences.values(), ...ownDemands.values()]) list.sort(inOrder)
    all.sort(inOrder)
  }
  return { versions, keys }
}

/** Enters what one process did into the histories of the keys. */
class Chronicle {
  readonly #versions: ReadonlyMap<number, Version>
  readonly #keys: readonly KeyHistory[]
  readonly #windows: readonly Window[]
  readonly #late: number
  #unsettled: Deed[] = []

  constructor(
    versions: ReadonlyMap<number, Version>,
    keys: readonly KeyHistory[],
    windows: readonly Window[],
    late: number,
  ) {
    this.#versions = versions
    this.#keys = keys
    this.#windows = windows
    this.#late = late
  }

  tell({ process, records }: Testimony): void {
    for (let at = 0; at < records.length; at += STRIDE) {
      const kind = records[at] as number
      if (kind <= KIND.peek) continue
      const deed = { ...operationAt(records, at), process }
      if (kind !== KIND.inspect && kind !== KIND.settled) {
        for (const key of keysOf(deed)) this.#keys[key]?.all.push(deed)
      }
      if (kind === KIND.settled) this.#settle(deed)
      else if (kind === KIND.landed) this.#land(deed)
      else if (kind >= KIND.set && kind <= KIND.clear) this.#change(deed)
      // A look into Redis, and what somebody else did to it.
      else if (kind <= KIND.flush) this.#enter(deed, deed.end, deed.value, ({ raws }) => raws)
    }
  }

  #land({ value, end }: Deed): void {
    const version = this.#versions.get(value)
    if (version === undefined) return
    version.landed = end
    version.storedBy = end + this.#late
  }

  #change(deed: Deed): void {
    const { kind, end, value, extra, process } = deed
    const isConfirmed = extra === 1
    const version = kind === KIND.set ? this.#versions.get(value) : undefined
    if (version !== undefined) {
      version.storedBy = isConfirmed ? end : end + this.#late
      version.fencedFrom = version.storedBy
    }
    if (isConfirmed) {
      this.#enter(deed, end, value, ({ fences }) => fences)
      this.#enter(deed, end, value, ({ ownFences }) => listOf(ownFences, process))
      return
    }
    this.#unsettled.push(deed)
    if (kind !== KIND.set) this.#enter(deed, end, value, ({ ownDemands }) => listOf(ownDemands, process))
  }

  #settle({ end }: Deed): void {
    for (const one of this.#unsettled) this.#enter(one, end, MISS, ({ raws }) => raws)
    this.#unsettled = []
  }

  #enter(deed: Deed, returned: number, seen: number, listIn: (history: KeyHistory) => Change[]): void {
    const { start } = deed
    if (this.#windows.some(({ from, to }) => start < to && returned > from)) return
    for (const key of keysOf(deed)) listIn(this.#keys[key] as KeyHistory).push({ deed, start, returned, seen })
  }
}

/** The keys whose value a change removes or replaces. */
function keysOf({ kind, subject }: Operation): readonly number[] {
  const of = (isConcerned: (one: (typeof SUBJECTS)[number]) => boolean): number[] =>
    SUBJECTS.filter(isConcerned).map(({ index }) => index)
  if (kind === KIND.flush) return of(() => true)
  if (kind === KIND.deleteByTag) return of((one) => hasTag(one, subject))
  if (kind === KIND.clear) return of((one) => isInScope(one, subject))
  return [subject]
}

function listOf<K, T>(lists: Map<K, T[]>, key: K): T[] {
  const known = lists.get(key)
  if (known !== undefined) return known
  const list: T[] = []
  lists.set(key, list)
  return list
}
