import { AsyncResource } from 'node:async_hooks'
import { diag } from '@opentelemetry/api'
import type { MemoryEntry } from './entry.js'
import type { Generation } from './generations.js'
import type { Claim } from './lease.js'
import { type Mark, mayKeep } from './mark.js'
import {
  type Candidate,
  type Failure,
  type Found,
  HIT,
  isHit,
  type LookedUp,
  MISS,
  type MissReason,
  type NotFound,
} from './outcome.js'
import type { Packing } from './packing/packing.js'
import { type Place, placeOf, placeOfId } from './place.js'
import type { Budget } from './redis/budget.js'
import type { Claimed } from './redis/leases.js'
import type { RedisFound, RedisRead } from './redis/verdict.js'
import type { Rooms } from './rooms.js'
import type { Milliseconds, StandardSchema } from './types.js'
import { untraced } from './untraced.js'
import type { HeldValue } from './values.js'

const LIKELY = 2
const MOST = 3

/** The first half of the read path: what the tiers hold, where memory alone had no answer. */
export class LookUp {
  readonly #rooms: Rooms
  /**
   * Whether the next lookup is likely to miss, from how the last ones ended: as processors predict branches, by two bits.
   * A script that reads and claims costs a hit half as much again; a trip saved is a third of a miss.
   */
  #misses: number = LIKELY
  #mayRunScripts = true

  constructor(rooms: Rooms) {
    this.#rooms = rooms
    rooms.verify = (id) => this.#verify(placeOfId(id))
  }

  /**
   * Asks Redis for keys of one view, and fills memory with what it finds. Counts nothing and never rejects.
   *
   * @param lasting where given, what has nothing fresh is claimed for a load, whose value may last so long
   */
  async many(
    path: string,
    keys: readonly string[],
    tags: readonly string[],
    budget: Budget,
    lasting?: Milliseconds,
  ): Promise<readonly LookedUp[]> {
    const { redis, memory, inProgress, options, packing } = this.#rooms
    const { schema } = options
    const places = keys.map((key) => placeOf(path, key))
    if (redis === undefined) return places.map((place) => this.#inMemory(place))
    // What is kept nowhere may be overtaken.
    const marks = memory === undefined ? [] : places.map(({ id }) => inProgress.begin(id))
    const heard = marks.map((mark) => mark.heard)
    const answers: readonly Claimed[] =
      lasting === undefined
        ? (await redis.read(path, keys, tags, budget)).map(unclaimed)
        : await redis.leases.claim({ path, keys, tags, lasting, mode: '' }, budget)
    const isSlow = packing !== undefined || schema !== undefined
    const opened = isSlow
      ? await Promise.all(answers.map(({ read }, index) => this.#openSlowly(read, places[index] as Place)))
      : answers.map(({ read }) => this.#open(read))
    return places.map((place, index) =>
      this.#ended(place, opened[index] as Opened, answers[index]?.claim, marks[index], heard[index]),
    )
  }

  /**
   * As `one`, for a key that is loaded where nothing fresh is found: where that is likely, claimed in the same trip.
   *
   * @param isTraced it travels alone
   */
  forLoad(
    place: Place,
    tags: readonly string[],
    lasting: Milliseconds,
    budget: Budget,
    isTraced: boolean,
    done: (found: LookedUp) => void,
  ): void {
    const isLikely = this.#misses >= LIKELY && this.#mayRunScripts
    const answered = (found: LookedUp): void => {
      if (isLikely && found.outcome === MISS.unavailable && found.error === 'auth') {
        // Who may not run scripts may read all the same.
        this.#mayRunScripts = false
        this.one(place, tags, budget, isTraced, done)
        return
      }
      const step = isHit(found) ? -1 : 1
      this.#misses = Math.min(Math.max(this.#misses + step, 0), MOST)
      done(found)
    }
    this.one(place, tags, budget, isTraced, answered, isLikely ? lasting : undefined)
  }

  /** As `many`, for one key, and along with others that are asked for in this tick; calls back, perhaps at once. */
  one(
    place: Place,
    tags: readonly string[],
    budget: Budget,
    isTraced: boolean,
    done: (found: LookedUp) => void,
    lasting?: Milliseconds,
  ): void {
    const { redis, memory, inProgress, options, packing, telemetry } = this.#rooms
    if (redis === undefined) {
      done(this.#inMemory(place))
      return
    }
    const { path, key } = place
    const mark = memory && inProgress.begin(place.id)
    const heard = mark?.heard
    const end = (opened: Opened, claim: Claim | undefined): void => {
      let found: LookedUp
      try {
        found = this.#ended(place, opened, claim, mark, heard)
      } catch (error) {
        found = broken(error)
      }
      done(found)
    }
    const isSlow = packing !== undefined || options.schema !== undefined
    const answer = ({ read, claim }: Claimed): void => {
      if (isSlow) this.#openSlowly(read, place).then((opened) => end(opened, claim))
      else end(this.#open(read), claim)
    }
    // Who travel together are called back together: code of the user's is to find itself in its caller's context.
    const callsUser = isSlow || options.codec !== undefined || telemetry.isHeard
    const answered = callsUser ? AsyncResource.bind(answer) : answer
    if (lasting === undefined) {
      redis.readOne(path, key, tags, budget, isTraced, (read) => answered({ read, claim: undefined }))
    } else {
      redis.leases.claimOne({ path, tags, lasting, mode: '' }, { key, budget, done: answered }, isTraced)
    }
  }

  /** What became of a lookup. What was told before its reply may be newer than that. */
  #ended(
    place: Place,
    opened: Opened,
    claim: Claim | undefined,
    mark: Mark | undefined,
    heard: number | undefined,
  ): LookedUp {
    if (mark !== undefined) this.#rooms.inProgress.end(place.id, mark)
    const found = this.#judge(place, opened, mark?.heard === heard ? mark : undefined)
    if (claim === undefined || isHit(found)) return found
    const { outcome, stale, error } = found
    return { outcome, stale, error, claim }
  }

  /** Unpacks, decodes and checks what was found. */
  async #openSlowly(read: RedisRead, place: Place): Promise<Opened> {
    const { packing, options } = this.#rooms
    const opened = this.#open(packing === undefined ? read : await unpacked(read, place, packing))
    return options.schema === undefined ? opened : checked(opened, options.schema)
  }

  /** Decodes what was found. */
  #open(read: RedisRead): Opened {
    if (read.kind !== 'found') return read
    const { values } = this.#rooms
    try {
      if (!values.reads(read.stored.marker)) return REFUSED
      const held = values.hold(read.stored.body)
      return { kind: 'opened', read, held, value: values.take(held) }
    } catch {
      return REFUSED
    }
  }

  /** What this process has written and others may have changed since. */
  #verify(place: Place): void {
    const tags = this.#rooms.memory?.look(place.id)?.extras?.tags ?? []
    untraced(() => this.one(place, tags, this.#rooms.newBudget(), false, () => {}))
  }

  /** @param mark by which it may be kept */
  #judge(place: Place, opened: Opened, mark: Mark | undefined): LookedUp {
    if (opened.kind === 'failed') return notFound('unavailable', this.#inMemory(place).stale, opened.error)
    if (opened.kind === 'missing') {
      const { outcome } = this.#inMemory(place)
      // What memory still held has been verified: it is gone.
      this.#rooms.memory?.delete(place.id, 'invalidated')
      return opened.reason === 'undecodable' ? UNDECODABLE : { outcome, stale: undefined, error: undefined }
    }
    const { read, value } = opened
    const { stored } = read
    const keeps = mark !== undefined && mayKeep(mark, stored.tags)
    if (read.fresh && !keeps) return new FoundInRedis(this.#rooms, place, opened)
    const entry = entryOf(this.#rooms, place, opened)
    if (keeps) this.#rooms.remember(place, entry, read.generations)
    const { generations } = read
    if (read.fresh) return { outcome: HIT.redis, entry, value, generations, error: undefined }
    return notFound('expired', { tier: 'redis', entry })
  }

  /** What memory says where Redis has nothing to say: nothing fresh, perhaps something stale. */
  #inMemory(place: Place): NotFound {
    const { memory, clock } = this.#rooms
    const entry = memory?.find(place.id, clock.now())
    if (entry === undefined) return notFound('absent')
    return entry === 'expired' ? notFound('expired') : notFound('expired', { tier: 'memory', entry })
  }
}

/** What a read found, decoded. */
type Opened = OpenedValue | Exclude<RedisRead, RedisFound>

interface OpenedValue {
  readonly kind: 'opened'
  readonly read: RedisFound
  readonly held: HeldValue
  readonly value: unknown
}

/** A fresh value that memory does not take: most who find it want no entry. */
class FoundInRedis implements Found {
  readonly outcome = HIT.redis
  readonly error = undefined
  readonly #rooms: Rooms
  readonly #place: Place
  readonly #opened: OpenedValue

  constructor(rooms: Rooms, place: Place, opened: OpenedValue) {
    this.#rooms = rooms
    this.#place = place
    this.#opened = opened
  }

  get value(): unknown {
    return this.#opened.value
  }

  get generations(): readonly Generation[] {
    return this.#opened.read.generations
  }

  get entry(): MemoryEntry {
    return entryOf(this.#rooms, this.#place, this.#opened)
  }
}

function entryOf(rooms: Rooms, place: Place, { held, read }: OpenedValue): MemoryEntry {
  return rooms.entryOf(place, { held, encoded: read.stored.body, form: read.stored, proof: read })
}

const REFUSED = { kind: 'missing', reason: 'undecodable' } as const
const UNDECODABLE: NotFound = notFound('undecodable', undefined, 'undecodable')

function notFound(reason: MissReason, stale?: Candidate, error?: Failure): NotFound {
  return { outcome: MISS[reason], stale, error }
}

function unclaimed(read: RedisRead): Claimed {
  return { read, claim: undefined }
}

/** A fault of ours, or of a client that keeps no promise: told, and no key is dead for it. */
export function broken(error: unknown): NotFound {
  diag.error('otel-cache: a lookup failed [OTEL_CACHE_LOOKUP_FAILED]', error)
  return { outcome: MISS.unavailable, stale: undefined, error: 'other' }
}

/** What was found, as its codec made it. */
async function unpacked(read: RedisRead, place: Place, packing: Packing): Promise<RedisRead> {
  if (read.kind !== 'found') return read
  try {
    return { ...read, stored: { ...read.stored, ...(await packing.unpack(place, read.stored)) } }
  } catch {
    return REFUSED
  }
}

/** Standard Schema: a result with `issues` is a refusal, and so is a validator that throws. */
async function checked(opened: Opened, schema: StandardSchema): Promise<Opened> {
  if (opened.kind !== 'opened') return opened
  try {
    const result: unknown = await schema['~standard'].validate(opened.value)
    const accepts =
      typeof result === 'object' && result !== null && (result as { issues?: unknown }).issues === undefined
    return accepts ? opened : REFUSED
  } catch {
    return REFUSED
  }
}
