import { type Mark, mayKeep } from './flight/in-progress.js'
import { type Candidate, type ErrorType, HIT, type LookedUp, MISS, type MissReason, type NotFound } from './outcome.js'
import { type Place, placeOf } from './place.js'
import type { Budget } from './redis/budget.js'
import type { RedisRead } from './redis/redis.js'
import type { Rooms } from './rooms.js'
import type { StandardSchema } from './types.js'

/** The first half of the read path: what the tiers hold, where memory alone had no answer. */
export class LookUp {
  readonly #rooms: Rooms

  constructor(rooms: Rooms) {
    this.#rooms = rooms
  }

  /** Asks Redis for keys of one view, and fills memory with what it finds. Counts nothing and never rejects. */
  async many(
    path: string,
    keys: readonly string[],
    tags: readonly string[],
    budget: Budget,
  ): Promise<readonly LookedUp[]> {
    const { redis, inProgress } = this.#rooms
    const places = keys.map((key) => placeOf(path, key))
    if (redis === undefined) return places.map((place) => this.#inMemory(place))
    const marks = places.map(({ id }) => inProgress.begin(id))
    const reads = await redis.read(path, keys, tags, budget)
    return Promise.all(
      places.map(async (place, index) => {
        const mark = marks[index] as Mark
        try {
          return await this.#judge(place, reads[index] as RedisRead, mark)
        } finally {
          inProgress.end(place.id, mark)
        }
      }),
    )
  }

  async one(place: Place, tags: readonly string[], budget: Budget): Promise<LookedUp> {
    const [found] = await this.many(place.path, [place.key], tags, budget)
    return found as LookedUp
  }

  async #judge(place: Place, read: RedisRead, mark: Mark): Promise<LookedUp> {
    if (read.kind === 'failed') {
      return notFound('unavailable', this.#inMemory(place).stale, read.error)
    }
    if (read.kind === 'missing') {
      if (read.reason === 'undecodable') return UNDECODABLE
      const { outcome } = this.#inMemory(place)
      // What memory still held has been verified: it is gone.
      this.#rooms.memory?.delete(place.id, 'invalidated')
      return { outcome, stale: undefined, error: undefined }
    }
    const { values, options } = this.#rooms
    const { stored } = read
    if (!values.reads(stored.codec)) return UNDECODABLE
    try {
      const held = values.hold(stored.body)
      const value = values.take(held)
      if (options.schema !== undefined && !(await accepts(options.schema, value))) return UNDECODABLE
      const { body: encoded, span, loadDuration, tags } = stored
      const entry = this.#rooms.entryOf(place, { ...read, ...span, held, encoded, loadDuration, tags })
      if (mayKeep(mark, stored.tags)) this.#rooms.remember(place, entry, read.generations)
      if (read.fresh) return { outcome: HIT.redis, entry, value, error: undefined }
      return notFound('expired', { tier: 'redis', entry })
    } catch {
      return UNDECODABLE
    }
  }

  /** What memory says where Redis has nothing to say: nothing fresh, perhaps something stale. */
  #inMemory(place: Place): NotFound {
    const { memory, clock } = this.#rooms
    const entry = memory?.find(place.id, clock.now())
    if (entry === undefined) return notFound('absent')
    return entry === 'expired' ? notFound('expired') : notFound('expired', { tier: 'memory', entry })
  }
}

const UNDECODABLE: NotFound = notFound('undecodable', undefined, 'undecodable')

function notFound(reason: MissReason, stale?: Candidate, error?: ErrorType): NotFound {
  return { outcome: MISS[reason], stale, error }
}

/** Standard Schema: a result with `issues` is a refusal. */
async function accepts(schema: StandardSchema, value: unknown): Promise<boolean> {
  const result = await schema['~standard'].validate(value)
  return typeof result === 'object' && result !== null && (result as { issues?: unknown }).issues === undefined
}
