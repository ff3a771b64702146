import type { Lifetime } from '@otel-cache/core'

/** The keys that a fleet works on: few, so that processes meet. Even parents and workers that never talk agree on them. */
const KEYS = 24
const TAGS: readonly string[] = ['red', 'blue']
/** A view inside the cache, which a `clear` may end alone. */
export const PART = 'part'
const CACHE = 'fleet'

/** What a `clear` is of. */
export const SCOPE = { all: 0, part: 1 } as const

export interface Subject {
  readonly index: number
  readonly key: string
  readonly isInPart: boolean
  /** Indexes of its tags, which it always carries. */
  readonly tags: readonly number[]
}

/** Every third key has a tag, every sixth both; every fourth lives in the part. */
export const SUBJECTS: readonly Subject[] = Array.from({ length: KEYS }, (_, index) => ({
  index,
  key: `key-${index}`,
  isInPart: index % 4 === 3,
  tags: index % 6 === 0 ? [0, 1] : index % 3 === 0 ? [index % 2] : [],
}))

export const CACHE_NAME: string = CACHE

export function tagName(tag: number): string {
  return TAGS[tag] as string
}

export const TAG_COUNT: number = TAGS.length

const LIFETIMES = new Map<string, Lifetime>()

/** With the subject's tags, sorted as they are stored. */
export function lifetimeOf({ tags }: Subject, ttl: number): Lifetime {
  const name = `${tags.join()} ${ttl}`
  const known = LIFETIMES.get(name)
  if (known !== undefined) return known
  const lifetime = { ttl, tags: tags.map(tagName).sort() }
  LIFETIMES.set(name, lifetime)
  return lifetime
}

/** Whether `deleteByTag` of this tag removes it. The tag is the whole cache's: it reaches into the part as well. */
export function hasTag({ tags }: Subject, tag: number): boolean {
  return tags.includes(tag)
}

export function isInScope({ isInPart }: Subject, scope: number): boolean {
  return scope === SCOPE.all || isInPart
}

/** Where a subject's value lies in Redis: ARCHITECTURE.md says why. */
export function rawName({ key, isInPart }: Subject): string {
  return `${CACHE}:v:${isInPart ? `${PART}:` : ''}{${key}}`
}

/** The names of its generations, in the order of the stored form. */
export function generationNames({ tags, isInPart }: Subject): readonly string[] {
  const sorted = tags.map(tagName).sort()
  const paths = isInPart ? ['', `${PART}:`] : ['']
  return paths.flatMap((path) => [path, ...sorted.map((tag) => `${path}{${tag}}`)]).map((rest) => `${CACHE}:g:${rest}`)
}
