import type { Claim } from './lease.js'
import { type Mark, mayKeep } from './mark.js'
import {
  type Candidate,
  type Failure,
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
import type { Claimed, RedisFound, RedisRead } from './redis/redis.js'
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
    const { redis, inProgress, options, packing } = this.#rooms
    const { schema } = options
    const places = keys.map((key) => placeOf(path, key))
    if (redis === undefined) return places.map((place) => this.#inMemory(place))
    const marks = places.map(({ id }) => inProgress.begin(id))
    const heard = marks.map((mark) => mark.heard)
    let answers: readonly Claimed[] =
      lasting === undefined
        ? (await redis.read(path, keys, tags, budget)).map(unclaimed)
        : await redis.claim(path, keys, tags, lasting, '', budget)
    if (packing !== undefined) {
      answers = await Promise.all(answers.map((answer, index) => unpacked(answer, places[index] as Place, packing)))
    }
    let opened = answers.map(({ read }) => this.#open(read))
    if (schema !== undefined) opened = await Promise.all(opened.map((one) => checked(one, schema)))
    return places.map((place, index) => {
      const mark = marks[index] as Mark
      inProgress.end(place.id, mark)
      // What is told before a reply may be newer than it.
      const isKept = mark.heard === heard[index]
      const found = this.#judge(place, opened[index] as Opened, mark, isKept)
      const claim = answers[index]?.claim
      return claim === undefined || isHit(found) ? found : { ...found, claim }
    })
  }

  /** As `many`, for one key that is loaded where nothing fresh is found: where that is likely, claimed in the same trip. */
  async forLoad(
    { path, key }: Place,
    tags: readonly string[],
    lasting: Milliseconds,
    budget: Budget,
  ): Promise<readonly LookedUp[]> {
    const isLikely = this.#misses >= LIKELY && this.#mayRunScripts
    const found = await this.many(path, [key], tags, budget, isLikely ? lasting : undefined)
    if (isLikely && found[0]?.outcome === MISS.unavailable && found[0].error === 'auth') {
      // Who may not run scripts may read all the same.
      this.#mayRunScripts = false
      return this.many(path, [key], tags, budget)
    }
    const step = found.every(isHit) ? -1 : 1
    this.#misses = Math.min(Math.max(this.#misses + step, 0), MOST)
    return found
  }

  async one(place: Place, tags: readonly string[], budget: Budget): Promise<LookedUp> {
    const [found] = await this.many(place.path, [place.key], tags, budget)
    return found as LookedUp
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
    untraced(() => this.one(place, tags, this.#rooms.newBudget()))
  }

  #judge(place: Place, opened: Opened, mark: Mark, isKept: boolean): LookedUp {
    if (opened.kind === 'failed') return notFound('unavailable', this.#inMemory(place).stale, opened.error)
    if (opened.kind === 'missing') {
      const { outcome } = this.#inMemory(place)
      // What memory still held has been verified: it is gone.
      this.#rooms.memory?.delete(place.id, 'invalidated')
      return opened.reason === 'undecodable' ? UNDECODABLE : { outcome, stale: undefined, error: undefined }
    }
    const { read, held, value } = opened
    const { stored } = read
    const entry = this.#rooms.entryOf(place, { held, encoded: stored.body, form: stored, proof: read })
    if (isKept && mayKeep(mark, stored.tags)) this.#rooms.remember(place, entry, read.generations)
    if (read.fresh) return { outcome: HIT.redis, entry, value, error: undefined }
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
type Opened =
  | { readonly kind: 'opened'; readonly read: RedisFound; readonly held: HeldValue; readonly value: unknown }
  | Exclude<RedisRead, RedisFound>

const REFUSED = { kind: 'missing', reason: 'undecodable' } as const
const UNDECODABLE: NotFound = notFound('undecodable', undefined, 'undecodable')

function notFound(reason: MissReason, stale?: Candidate, error?: Failure): NotFound {
  return { outcome: MISS[reason], stale, error }
}

function unclaimed(read: RedisRead): { readonly read: RedisRead; readonly claim: Claim | undefined } {
  return { read, claim: undefined }
}

/** What was found, as its codec made it. */
async function unpacked(answer: Claimed, place: Place, packing: Packing): Promise<Claimed> {
  const { read, claim } = answer
  if (read.kind !== 'found') return answer
  try {
    return { read: { ...read, stored: { ...read.stored, ...(await packing.unpack(place, read.stored)) } }, claim }
  } catch {
    return { read: REFUSED, claim }
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
