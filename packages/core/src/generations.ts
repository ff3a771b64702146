/**
 * A generation: what everything stored under a path, or with a tag under a path, belongs to. In Redis it is a random id,
 * noted by an entry before its load; `clear` and `deleteByTag` delete the id, and an entry whose id is missing or another
 * is a miss. Not a clock, because clocks differ; not a counter, because a counter that was evicted starts again.
 */
export class Generation {
  readonly path: string
  readonly tag: string | undefined
  /** What Redis was last seen to hold; undefined where that is not known. */
  id: string | undefined
  /** The question that was answered so: what answers an older one is old news. */
  asked = 0
  /** The first question that was answered so. */
  since: number = Number.POSITIVE_INFINITY
  /** Of the invalidation channel, when Redis was asked: while that stands the id is known, and kept right. */
  epoch = 0
  /** The last question when Redis told that it was changed: older answers say nothing. */
  doubted = 0
  /** Entries in memory that belong to it are gone. */
  ended = false

  constructor(path: string, tag: string | undefined) {
    this.path = path
    this.tag = tag
  }
}

/** The tag of a generation that every `deleteByTag` in a view ends. No tag of a user's is empty. */
export const ANY_TAG = ''

const RECENT = 256

/** A question about ids: its number, and the epoch of the invalidation channel when Redis was asked. */
export interface Question {
  readonly asked: number
  readonly epoch: number
}

/**
 * The generations this process knows. All but the widest are held by the entries and loads that belong to them and by
 * nothing else: namespaces and tags made by the million leave nothing behind.
 */
export class Generations {
  readonly #onWidestEnd: () => void
  #root: Generation = new Generation('', undefined)
  #asked = 0
  /** Held a while longer than by what belongs to them: see `Load`, on tags that only the loader knows. */
  readonly #recent = new Array<Generation | undefined>(RECENT)
  readonly #others = new Map<string, WeakRef<Generation>>()
  readonly #forget = new FinalizationRegistry<string>((name) => {
    if (this.#others.get(name)?.deref() === undefined) this.#others.delete(name)
  })

  /** @param onWidestEnd entries that belong to the widest generation alone do not hold it, so memory is to be emptied */
  constructor(onWidestEnd: () => void) {
    this.#onWidestEnd = onWidestEnd
  }

  /** Everything an entry under these paths with these tags belongs to, in the order of the stored form. */
  of(paths: readonly string[], tags: readonly string[]): readonly Generation[] {
    if (paths.length === 1 && tags.length === 0) return [this.#root]
    return paths.flatMap((path) => [this.#get(path), ...tags.map((tag) => this.#get(path, tag))])
  }

  /** What fences tags that only a loader knows, in these views. */
  anyTag(paths: readonly string[]): readonly Generation[] {
    return paths.map((path) => this.#get(path, ANY_TAG))
  }

  /** Ends a generation in this process. The next one's id is not known yet. */
  end(path: string, tag?: string): void {
    this.#get(path, tag).ended = true
    if (path !== '' || tag !== undefined) {
      this.#others.delete(nameOf(path, tag))
    } else {
      this.#root = this.#new('', undefined)
      this.#onWidestEnd()
    }
  }

  /** Ends all there are: Redis has forgotten every id. */
  endAll(): void {
    for (const one of this.#others.values()) {
      const generation = one.deref()
      if (generation !== undefined) generation.ended = true
    }
    this.#others.clear()
    this.end('')
  }

  /**
   * A question about ids, to be taken just before Redis is asked.
   *
   * @param epoch of the invalidation channel; 0 where there is none
   */
  ask(epoch: number = 0): Question {
    this.#asked += 1
    return { asked: this.#asked, epoch }
  }

  /** One that this process knows, without making it known. */
  find(path: string, tag: string | undefined): Generation | undefined {
    if (path === '' && tag === undefined) return this.#root
    return this.#others.get(nameOf(path, tag))?.deref()
  }

  /** Redis tells that it was changed. */
  doubt(generation: Generation): void {
    generation.epoch = 0
    generation.doubted = this.#asked
  }

  /**
   * Takes over what Redis answered; ends a generation whose id is gone.
   *
   * @param epoch of the invalidation channel when Redis was asked
   * @param answered when the answer was given: a script that Redis did not know is sent again, after later questions
   */
  confirm(generation: Generation, id: string | undefined, { asked, epoch }: Question, answered: number = asked): void {
    if (generation.ended) return
    if (id !== undefined && asked > generation.doubted) generation.epoch = epoch
    this.#confirm(generation, id, answered)
  }

  #confirm(generation: Generation, id: string | undefined, asked: number): void {
    if (asked < generation.asked) {
      // A script that Redis did not know is answered late: better what it noted than nothing. Writes look again anyway.
      if (generation.id === undefined) this.#learn(generation, id, asked)
      return
    }
    generation.asked = asked
    if (generation.id === undefined) this.#learn(generation, id, asked)
    else if (generation.id !== id) this.end(generation.path, generation.tag)
  }

  /** This process itself has ended it for others, and goes on under a new id. */
  rename(generation: Generation, id: string, asked: number): void {
    generation.id = id
    generation.asked = asked
  }

  #learn(generation: Generation, id: string | undefined, asked: number): void {
    if (id === undefined) return
    generation.id = id
    generation.since = asked
    this.#recent[asked % this.#recent.length] = generation
  }

  /** What has been asked by now may be answered with the id of the one before it. */
  #new(path: string, tag: string | undefined): Generation {
    const generation = new Generation(path, tag)
    generation.doubted = this.#asked
    return generation
  }

  #get(path: string, tag?: string): Generation {
    if (path === '' && tag === undefined) return this.#root
    const name = nameOf(path, tag)
    const known = this.#others.get(name)?.deref()
    if (known !== undefined) return known
    const generation = this.#new(path, tag)
    this.#others.set(name, new WeakRef(generation))
    this.#forget.register(generation, name)
    return generation
  }
}

function nameOf(path: string, tag: string | undefined): string {
  return tag === undefined ? path : `${path}{${tag}`
}
