import fc from 'fast-check'

/** Keys by number: two in the widest view, one in a namespace. */
export const KEYS = [
  { view: undefined, key: 'a' },
  { view: undefined, key: 'b' },
  { view: 'n', key: 'a' },
] as const

const TAGS = ['t', 'u'] as const

/** What an interleaving is made of. Steps follow each other at once, but for `turn` and `advance`. */
export type Step =
  | {
      readonly step: 'getOrSet'
      readonly key: number
      readonly refresh: boolean
      readonly soft: boolean
      readonly tags: readonly string[]
    }
  | { readonly step: 'getOrSetMany'; readonly keys: readonly number[]; readonly refresh: boolean }
  | { readonly step: 'get' | 'delete' | 'expire'; readonly key: number }
  | { readonly step: 'getMany'; readonly keys: readonly number[] }
  | { readonly step: 'set'; readonly key: number; readonly tags: readonly string[] }
  | { readonly step: 'clear'; readonly inNamespace: boolean }
  | { readonly step: 'deleteByTag'; readonly tag: string; readonly inNamespace: boolean }
  | {
      readonly step: 'land'
      readonly run: number
      readonly how: 'value' | 'nothing' | 'error'
      readonly tags: readonly string[]
    }
  | { readonly step: 'abort'; readonly call: number }
  | { readonly step: 'advance'; readonly ms: number }
  | { readonly step: 'turn' | 'quiet' }

export interface Setting {
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly maxConcurrentLoads: number | undefined
  readonly earlyRefresh: boolean
  readonly values: 'frozen' | 'copy'
}

export const TTL = 100
export const LOAD_TIMEOUT = 2_000
export const SOFT_LOAD_TIMEOUT = 20

const key = fc.nat({ max: KEYS.length - 1 })
const keys = fc.subarray([0, 1], { minLength: 1 })
const tags = fc.subarray([...TAGS])
const flag = fc.boolean()
const rarely = fc.nat({ max: 4 }).map((one) => one === 4)

function of<const S extends Step['step']>(step: S) {
  return fc.constant(step)
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ step: of('getOrSet'), key, refresh: rarely, soft: rarely, tags }) },
  { weight: 3, arbitrary: fc.record({ step: of('getOrSetMany'), keys, refresh: rarely }) },
  { weight: 2, arbitrary: fc.record({ step: fc.constantFrom('get', 'delete', 'expire'), key }) },
  { weight: 1, arbitrary: fc.record({ step: of('getMany'), keys }) },
  { weight: 2, arbitrary: fc.record({ step: of('set'), key, tags }) },
  { weight: 1, arbitrary: fc.record({ step: of('clear'), inNamespace: flag }) },
  { weight: 2, arbitrary: fc.record({ step: of('deleteByTag'), tag: fc.constantFrom(...TAGS), inNamespace: flag }) },
  {
    weight: 6,
    arbitrary: fc.record({
      step: of('land'),
      run: fc.nat({ max: 3 }),
      how: fc.constantFrom('value', 'value', 'value', 'error', 'nothing'),
      tags,
    }),
  },
  { weight: 1, arbitrary: fc.record({ step: of('abort'), call: fc.nat({ max: 5 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ step: of('advance'), ms: fc.constantFrom(1, 10, 40, 99, 100, 130, 1_000, 2_000) }),
  },
  { weight: 5, arbitrary: fc.record({ step: of('turn') }) },
  { weight: 2, arbitrary: fc.record({ step: of('quiet') }) },
)

export const setting: fc.Arbitrary<Setting> = fc.record({
  staleWhileRevalidate: fc.constantFrom(0, 50),
  staleIfError: fc.constantFrom(0, 80),
  maxConcurrentLoads: fc.constantFrom(undefined, 1, 2),
  earlyRefresh: rarely,
  values: fc.constantFrom('frozen', 'copy'),
})

export const steps: fc.Arbitrary<readonly Step[]> = fc.array(step, { maxLength: 40, size: 'max' })
