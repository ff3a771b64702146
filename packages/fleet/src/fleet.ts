import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Testimony } from './history.js'
import { Journal, readJournal } from './journal.js'
import { Member } from './member.js'
import type { Plan, Request, Stopped, Target } from './messages.js'

export interface FleetOptions {
  readonly size: number
  readonly seed: number
  readonly target: Target
  readonly cache: Plan['cache']
  readonly core?: string | undefined
  /** What every other process runs instead. */
  readonly otherCore?: string | undefined
}

/** Processes that share one Redis, and the journals in which all that they do is told. */
export class Fleet {
  /** What this process does to the fleet's keys, and sees of them: process 0. */
  readonly own: Journal
  readonly #options: FleetOptions
  readonly #folder: string
  readonly #members: Member[] = []
  #started = 0

  private constructor(options: FleetOptions, folder: string) {
    this.#options = options
    this.#folder = folder
    this.own = new Journal(this.#pathOf(0))
  }

  static async start(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options, await mkdtemp(join(tmpdir(), 'otel-cache-fleet-')))
    const started = await Promise.allSettled(Array.from({ length: options.size }, () => fleet.add()))
    const failed = started.find((one) => one.status === 'rejected')
    if (failed === undefined) return fleet
    await fleet.end()
    throw failed.reason
  }

  /** Those that were not killed. */
  get members(): readonly Member[] {
    return this.#members.filter(({ isDead }) => !isDead)
  }

  async add(overrides: Partial<Plan> = {}): Promise<Member> {
    const { seed, target, cache, otherCore } = this.#options
    this.#started += 1
    const process = this.#started
    const core = process % 2 === 0 && otherCore !== undefined ? otherCore : this.#options.core
    const plan = { process, seed: seed * 1_000 + process, journal: this.#pathOf(process), target, cache, core }
    const member = await Member.start({ ...plan, ...overrides })
    this.#members.push(member)
    return member
  }

  send(request: Request): void {
    for (const member of this.members) member.send(request)
  }

  /** Ends all that still run. Rejects where one has died by itself. */
  async stop(): Promise<readonly Stopped[]> {
    const alive = this.#members.filter(({ killedAt }) => killedAt === undefined)
    return Promise.all(alive.map((member) => member.stop()))
  }

  /** What every process has recorded, this one included. To be asked once all have stopped. */
  testimonies(): readonly Testimony[] {
    this.own.flush()
    const members = this.#members.map(({ plan, killedAt }) => {
      return { process: plan.process, records: readJournal(plan.journal), killedAt }
    })
    return [{ process: 0, records: readJournal(this.#pathOf(0)), killedAt: undefined }, ...members]
  }

  /** Leaves nothing behind, whatever has happened. Twice without harm. */
  async end(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()))
    this.own.close()
    await rm(this.#folder, { recursive: true, force: true })
  }

  #pathOf(process: number): string {
    return join(this.#folder, `${process}.journal`)
  }
}
