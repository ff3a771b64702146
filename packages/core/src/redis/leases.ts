import type { Claim, ClaimMode, Lease } from '../lease.js'
import type { Failure } from '../outcome.js'
import type { Place } from '../place.js'
import type { Milliseconds } from '../types.js'
import { untraced } from '../untraced.js'
import type { Budget } from './budget.js'
import { failureOf } from './failure.js'
import { readGenerationId } from './generation-id.js'
import { claimInCluster } from './moving-slots.js'
import type { Parts } from './parts.js'
import { chunksOf, deliver, taken } from './reader.js'
import { BARREN, FRUITLESS } from './released.js'
import { AGAIN, CLAIM, NOTE_AND_CLAIM, RELEASE_LEASES, RENEW_LEASES, type Script } from './scripts.js'
import { sameTags, writeTags } from './stored-form.js'
import { expiryOf, type Ids, type Noted, type StoredGenerations } from './stored-generations.js'
import type { Judge, RedisRead, Sent } from './verdict.js'
import { type Wait, Waiters } from './waiters.js'
import { type Command, numberOf, type Reply, runScript } from './wire.js'

/** What a read of a key found, and what became of claiming it, where it was; undefined where there was something fresh. */
export interface Claimed {
  readonly read: RedisRead
  readonly claim: Claim | undefined
}

/** Keys of one view that are asked for, and for what. */
export interface Claiming {
  readonly path: string
  readonly keys: readonly string[]
  readonly tags: readonly string[]
  /** How long what is loaded may last. */
  readonly lasting: Milliseconds
  readonly mode: ClaimMode
}

/** A claim on its way. */
interface Attempt {
  readonly claiming: Claiming
  /** Another one once it is made again, because the first may still be carried out, after a change of the key. */
  token: string
  readonly sent: Sent
  readonly budget: Budget
}

/** Who waits for one key's claim. */
interface Claimant {
  readonly key: string
  readonly budget: Budget
  readonly done: (claimed: Claimed) => void
}

/** Claims of one tick that differ in nothing but their keys. */
interface Gathered {
  readonly like: Omit<Claiming, 'keys'>
  readonly claimants: Claimant[]
}

/** To go on once those have asked who are about to. */
const ASKED = Promise.resolve()

const TAKEN: Claim = { kind: 'taken' }

/** The right to load a key for the whole fleet: taken, kept, given back, and waited for. */
export class Leases {
  readonly #parts: Parts
  readonly #stored: StoredGenerations
  readonly #judge: Judge
  /** What the tokens of this process's leases begin with. */
  readonly #holder: string
  #count = 0
  readonly #waiters: Waiters
  #gathered: Gathered[] = []
  #isGathering = false

  constructor(parts: Parts, stored: StoredGenerations, judge: Judge) {
    this.#parts = parts
    this.#stored = stored
    this.#judge = judge
    this.#holder = parts.newId()
    this.#waiters = new Waiters(parts.connection.clock, () => parts.coherence.isStanding)
  }

  /**
   * Reads keys and takes the lease of each that has nothing fresh, together with the generations that what is loaded will
   * belong to. One trip; two in a Cluster where those are not known, because they live elsewhere.
   */
  async claim(claiming: Claiming, budget: Budget): Promise<readonly Claimed[]> {
    return Promise.all(await this.#claimAll(claiming, budget))
  }

  /** @param calls that fail together */
  async #claimAll(
    claiming: Claiming,
    budget: Budget,
    calls?: number,
  ): Promise<ReadonlyArray<Promise<Claimed> | Claimed>> {
    const { connection, deletes } = this.#parts
    const stored = this.#stored
    const { path, keys, tags, lasting } = claiming
    const names = keys.map((key) => this.#parts.keys.value(path, key))
    const failed = (error: Failure): readonly Claimed[] => names.map(() => claimFailed(error))
    let noted: Noted = stored.belonging(path, tags)
    let ids = stored.known(noted.generations, noted.anyTag)
    if (ids === undefined && connection.isCluster) {
      const told = await stored.note(path, tags, lasting, budget)
      if (told.kind === 'failed') return failed(told.error)
      noted = told
      ids = idsOf(told)
    }
    const isAsked = ids === undefined
    const asked = isAsked ? [...noted.generations, ...noted.anyTag].map(stored.nameOf) : []
    const refused = await deletes.settleBefore(() => [...names, ...asked], budget)
    if (refused !== undefined) return failed(refused)
    const groups = this.#groupsOf(names).map((group) => ({ group, attempt: this.#attempt(claiming, budget) }))
    const commands = groups.map(({ group, attempt }) =>
      ids === undefined ? this.#askAndClaim(attempt, group, noted, asked) : this.#claim(attempt, group, noted, ids),
    )
    const replies = await this.#parts.reader.send(commands, budget, calls)
    const claimed = groups.map(({ group, attempt }, index) => {
      const reply = replies[index] as Reply
      if (!reply.ok) return group.map(() => claimFailed(reply.error))
      return taken<ReadonlyArray<Promise<Claimed> | Claimed>>(
        () =>
          ids === undefined
            ? this.#toldAndClaimed(attempt, group, noted, reply.value)
            : this.#claimed(attempt, group, noted, ids, reply.value),
        () => group.map(() => claimFailed('other')),
      )
    })
    return claimed.flat()
  }

  /**
   * As `claim`, for one key, and calls back. The first of a tick goes at once, because it is often alone, and the others
   * together.
   *
   * @param isTraced it goes alone: its span must not hang in a stranger's trace
   */
  claimOne(like: Omit<Claiming, 'keys'>, claimant: Claimant, isTraced: boolean): void {
    if (isTraced || this.#parts.connection.isCluster || !claimant.budget.isWhole) {
      this.#claimAlone(like, claimant)
      return
    }
    if (!this.#isGathering) {
      this.#isGathering = true
      ASKED.then(this.#leave)
      this.#claimAlone(like, claimant)
      return
    }
    const others = this.#gathered.find((one) => isAlike(one.like, like))
    if (others === undefined) this.#gathered.push({ like, claimants: [claimant] })
    else others.claimants.push(claimant)
  }

  readonly #leave = (): void => {
    this.#isGathering = false
    const gathered = this.#gathered
    if (gathered.length === 0) return
    this.#gathered = []
    for (const { like, claimants } of gathered) {
      const [first] = claimants as [Claimant]
      if (claimants.length === 1) this.#claimAlone(like, first)
      else untraced(() => this.#claimTogether(like, claimants))
    }
  }

  async #claimTogether(like: Omit<Claiming, 'keys'>, claimants: readonly Claimant[]): Promise<void> {
    const shared = this.#parts.newBudget()
    const { left } = shared
    const claimed = await this.#claimAll({ ...like, keys: claimants.map(({ key }) => key) }, shared, claimants.length)
    const answer = (claimant: Claimant, own: Claimed): void => {
      claimant.budget.spend(left - shared.left)
      // Another's key may be forbidden.
      if (own.read.kind === 'failed' && own.read.error === 'auth') this.#claimAlone(like, claimant)
      else deliver(claimant.done, own, () => claimFailed('other'))
    }
    for (const [index, claimant] of claimants.entries()) {
      const own = claimed[index] as Promise<Claimed> | Claimed
      if (own instanceof Promise) own.then((one) => answer(claimant, one))
      else answer(claimant, own)
    }
  }

  /** At once where all is known. */
  #claimAlone(like: Omit<Claiming, 'keys'>, { key, budget, done }: Claimant): void {
    const claiming = { ...like, keys: [key] }
    const { deletes, keys, reader } = this.#parts
    const stored = this.#stored
    const { path, tags } = claiming
    const noted = stored.belonging(path, tags)
    const ids = stored.known(noted.generations, noted.anyTag)
    const names = [keys.value(path, key)]
    if (ids === undefined || deletes.isUnsettled(() => names)) {
      // As fast as many together: who comes first is served first.
      this.#claimAll(claiming, budget).then(([claimed]) => {
        if (claimed instanceof Promise) claimed.then(done)
        else done(claimed as Claimed)
      })
      return
    }
    const attempt = this.#attempt(claiming, budget)
    reader.dispatch([this.#claim(attempt, names, noted, ids)], budget, (replies) => {
      const reply = replies[0] as Reply
      const claimed = reply.ok
        ? taken(
            () => this.#claimed(attempt, names, noted, ids, reply.value)[0] as Claimed | Promise<Claimed>,
            () => claimFailed('other'),
          )
        : claimFailed(reply.error)
      if (claimed instanceof Promise) claimed.then(done)
      else done(claimed)
    })
  }

  #attempt(claiming: Claiming, budget: Budget): Attempt {
    this.#count += 1
    const sent = { sentAt: this.#parts.connection.clock.now(), ...this.#stored.ask() }
    return { claiming, token: this.#holder + this.#count.toString(36), sent, budget }
  }

  #claim(attempt: Attempt, group: readonly string[], { generations }: Noted, ids: Ids): Command {
    const { mode, tags } = attempt.claiming
    const belongs = ids.slice(0, generations.length).join(',')
    const args = (): string[] => [attempt.token, mode, writeTags(tags), belongs]
    if (!this.#parts.connection.isCluster) return runScript(CLAIM, this.#withLeases(group), args())
    const [name] = group as [string]
    const again = (): string[] => {
      attempt.token += AGAIN
      return args()
    }
    return claimInCluster(CLAIM, [name, this.#leaseOf(name)], args(), again)
  }

  #askAndClaim(
    { claiming, token }: Attempt,
    group: readonly string[],
    noted: Noted,
    asked: readonly string[],
  ): Command {
    const { mode, tags, lasting } = claiming
    return runScript(
      NOTE_AND_CLAIM,
      [...asked, ...this.#withLeases(group)],
      [token, mode, writeTags(tags), noted.generations.length, asked.length, this.#parts.newId(), expiryOf(lasting)],
    )
  }

  /** What NOTE_AND_CLAIM answers. */
  #toldAndClaimed(
    attempt: Attempt,
    group: readonly string[],
    noted: Noted,
    reply: unknown,
  ): ReadonlyArray<Promise<Claimed> | Claimed> {
    const { connection, redisClock } = this.#parts
    const stored = this.#stored
    const { path, tags } = attempt.claiming
    const [time, told, answers] = Array.isArray(reply) ? (reply as unknown[]) : []
    const instant = numberOf(time)
    if (instant === undefined || !Array.isArray(told)) return group.map(() => claimFailed('other'))
    redisClock.sample(instant, attempt.sent.sentAt, connection.clock.now())
    const ids = told.map(readGenerationId)
    const { answered } = stored
    stored.takeOver([...noted.generations, ...noted.anyTag], ids, attempt.sent, answered)
    // A generation that ended has been replaced by one that takes the new id.
    const current = stored.belonging(path, tags)
    stored.takeOver([...current.generations, ...current.anyTag], ids, attempt.sent, answered)
    return this.#claimed(attempt, group, current, ids, answers, noted)
  }

  /**
   * What CLAIM answers.
   *
   * @param noted what is loaded will belong to
   * @param expected what was believed to stand when it was asked
   */
  #claimed(
    { claiming, token, sent, budget }: Attempt,
    group: readonly string[],
    noted: Noted,
    ids: Ids,
    answers: unknown,
    expected: Noted = noted,
  ): ReadonlyArray<Promise<Claimed> | Claimed> {
    if (!Array.isArray(answers) || answers.length !== group.length * 2) return group.map(() => claimFailed('other'))
    const { path, tags } = claiming
    const { generations } = expected
    return group.map((name, at) => {
      const read = this.#judge(path, answers[at * 2 + 1], tags, generations, ids, sent, budget)
      const claim = this.#claimOf(name, answers[at * 2], token, noted, sent)
      return read instanceof Promise ? read.then((one) => together(one, claim)) : together(read, claim)
    })
  }

  #claimOf(name: string, answer: unknown, token: string, noted: Noted, { asked }: Sent): Claim | undefined {
    const won = numberOf(answer)
    if (won === undefined) return { kind: 'failed', error: failureOf(new Error(String(answer))) }
    if (won < 0) return undefined
    if (won === 0) return TAKEN
    const { generations, anyTag } = noted
    return { kind: 'held', lease: { name: this.#leaseOf(name), token, generations, anyTag, asked } }
  }

  /**
   * Keeps leases while their load goes on. What fails is tried again by the next call.
   *
   * @returns those that stand no more, because their key was changed, and those that do
   */
  async renew(leases: readonly Lease[]): Promise<{ readonly lost: readonly Lease[]; readonly kept: readonly Lease[] }> {
    const groups = this.#leaseGroups(leases)
    const replies = await this.#runOn(groups, RENEW_LEASES)
    const lost: Lease[] = []
    const kept: Lease[] = []
    for (const [index, group] of groups.entries()) {
      const reply = replies[index] as Reply
      const answers: readonly unknown[] = reply.ok && Array.isArray(reply.value) ? reply.value : []
      for (const [at, lease] of group.entries()) {
        const answer = numberOf(answers[at])
        if (answer === 0) lost.push(lease)
        else if (answer !== undefined) kept.push(lease)
      }
    }
    return { lost, kept }
  }

  /**
   * Gives leases back under which nothing was stored. Where Redis cannot be asked they end by themselves.
   *
   * @param isBarren the load went well, and brought nothing that could be stored: there is nothing to wait for
   */
  async release(leases: readonly Lease[], isBarren: boolean): Promise<void> {
    const { coherence } = this.#parts
    await this.#runOn(this.#leaseGroups(leases), RELEASE_LEASES, coherence.leases, isBarren ? BARREN : FRUITLESS)
  }

  /** Begins to wait for what others store at these places. */
  await(places: readonly Place[]): Wait {
    return this.#waiters.wait(places.map(({ path, key }) => this.#parts.keys.value(path, key)))
  }

  /** Whether those who wait have been told that nothing is going to be stored at this place. */
  isBarren({ path, key }: Place, wait: Wait): boolean {
    return wait.barren.has(this.#parts.keys.value(path, key))
  }

  /** A value was written, or its lease was given back. */
  wake(name: string, isBarren?: boolean): void {
    this.#waiters.wake(name, isBarren)
  }

  wakeAll(): void {
    this.#waiters.wakeAll()
  }

  /** Leases of one token each, as many as may go into one command. */
  #leaseGroups(leases: readonly Lease[]): ReadonlyArray<readonly Lease[]> {
    const byToken = new Map<string, Lease[]>()
    for (const lease of leases) {
      const those = byToken.get(lease.token)
      if (those === undefined) byToken.set(lease.token, [lease])
      else those.push(lease)
    }
    return [...byToken.values()].flatMap((those) => this.#groupsOf(those))
  }

  #runOn(
    groups: ReadonlyArray<readonly Lease[]>,
    script: Script,
    ...args: readonly string[]
  ): Promise<readonly Reply[]> {
    const commands = groups.map((group) => {
      const names = group.map(({ name }) => name)
      return runScript(script, names, [(group[0] as Lease).token, ...args])
    })
    return this.#parts.connection.send(commands, this.#parts.newBudget())
  }

  /** What may go into one command: a Cluster takes keys of one slot only. */
  #groupsOf<T>(names: readonly T[]): ReadonlyArray<readonly T[]> {
    return this.#parts.connection.isCluster ? names.map((name) => [name]) : chunksOf(names)
  }

  #withLeases(names: readonly string[]): readonly string[] {
    return names.flatMap((name) => [name, this.#leaseOf(name)])
  }

  #leaseOf(name: string): string {
    return this.#parts.keys.leaseOf(name) as string
  }
}

function isAlike(one: Omit<Claiming, 'keys'>, other: Omit<Claiming, 'keys'>): boolean {
  const { path, tags, lasting, mode } = one
  return path === other.path && lasting === other.lasting && mode === other.mode && sameTags(tags, other.tags)
}

/** What was claimed is not fresh, whatever it says of itself. */
function together(read: RedisRead, claim: Claim | undefined): Claimed {
  const isStale = claim !== undefined && claim.kind !== 'failed' && read.kind === 'found'
  return { read: isStale ? { ...read, fresh: false } : read, claim }
}

function claimFailed(error: Failure): Claimed {
  return { read: { kind: 'failed', error }, claim: { kind: 'failed', error } }
}

function idsOf({ generations, anyTag }: Noted): Ids {
  return [...generations, ...anyTag].map(({ id }) => id)
}
