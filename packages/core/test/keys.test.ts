import { describe, expect, test } from 'vitest'
import { InvalidKeyError } from '../src/index.js'
import { checkKey, isUnder, memoryId, pathSegment, pathsAround, RedisKeys } from '../src/keys.js'

const TRICKY = [
  'a',
  'b',
  ':',
  'a:b',
  'b:c',
  '{',
  '}',
  '{}',
  '}{',
  'a{b}c',
  '%',
  '%}',
  '%%',
  '%3a',
  '\0',
  '\0a:{b',
  '@2:',
  'v:',
  'g:',
  '*',
  '[a]',
  '?',
  '\\',
  ' ',
  '\n',
  'é',
  '👩‍👩‍👧‍👦',
  '__proto__',
]

const PATHS = [
  '',
  ...TRICKY.map(pathSegment),
  ...TRICKY.flatMap((a) => TRICKY.map((b) => pathSegment(a) + pathSegment(b))),
]

/** What a Redis Cluster hashes of a key: the specification's own words. */
function hashTag(name: string): string {
  const open = name.indexOf('{')
  const close = name.indexOf('}', open + 1)
  return open === -1 || close === -1 || close === open + 1 ? name : name.slice(open + 1, close)
}

describe('no two places share a name', () => {
  test('in Redis, whatever is in the prefix, version, namespaces and keys', () => {
    for (const [prefix, version] of [
      ['app:', undefined],
      ['app:', '1'],
      ['', undefined],
      ['{app}', 'a:b'],
    ] as const) {
      const keys = new RedisKeys(prefix, version)
      const names = PATHS.flatMap((path) => [
        keys.generation(path),
        ...TRICKY.flatMap((key) => [keys.value(path, key), keys.generation(path, key)]),
      ])
      expect(new Set(names).size).toBe(names.length)
    }
  })

  test('in this process', () => {
    const ids = PATHS.flatMap((path) => TRICKY.map((key) => memoryId(path, key)))
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).not.toContain('')
  })

  test('between versions, nor between a version and none', () => {
    const roots = [undefined, ...TRICKY, 1, 2].map((version) => new RedisKeys('app:', version))
    const names = roots.flatMap((keys) => TRICKY.map((key) => keys.value('', key)))
    expect(new Set(names).size).toBe(names.length)
  })
})

test('what belongs to one key has a hash tag of its own, and a tag inside the key keeps keys together', () => {
  const keys = new RedisKeys('app:', undefined)
  for (const path of PATHS.slice(0, 40)) {
    for (const key of TRICKY) {
      const name = keys.value(path, key)
      expect(hashTag(name), name).not.toBe('')
      expect(hashTag(name), name).not.toBe(name)
    }
  }
  expect(hashTag(keys.value('', 'user}:1'))).toBe(hashTag(keys.value('', 'user}:2')))
})

test('a view is under its own path and those around it, and under no other', () => {
  const a = pathSegment('a')
  const ab = a + pathSegment('b')
  for (const key of TRICKY) {
    const id = memoryId(ab, key)
    expect([isUnder('', id), isUnder(a, id), isUnder(ab, id)]).toEqual([true, true, true])
    expect([isUnder(pathSegment('b'), id), isUnder(ab + pathSegment('c'), id)]).toEqual([false, false])
    expect(isUnder(a, memoryId('', key)), key).toBe(false)
    expect(isUnder(a, memoryId(pathSegment('ab'), key)), key).toBe(false)
  }
})

test('the views around a path begin with the widest', () => {
  expect(pathsAround('')).toEqual([''])
  expect(pathsAround('a:b%3a:')).toEqual(['', 'a:', 'a:b%3a:'])
})

describe('what a key may be', () => {
  test.each([...TRICKY, 'x'.repeat(512), 'é'.repeat(256), '👍'.repeat(128), '€'.repeat(170)])('%j', (key) => {
    expect(() => checkKey(key)).not.toThrow()
    expect(() => pathSegment(key)).not.toThrow()
  })

  test.each([
    ['', 'non-empty'],
    ['x'.repeat(513), '512 bytes'],
    ['é'.repeat(257), '512 bytes'],
    ['👍'.repeat(129), '512 bytes'],
    ['€'.repeat(171), '512 bytes'],
    ['\ud800', 'Unicode'],
    ['a\udc00b', 'Unicode'],
  ])('and what not: %j', (key, expected) => {
    expect(() => checkKey(key)).toThrow(InvalidKeyError)
    expect(() => checkKey(key)).toThrow(expected)
    expect(() => checkKey(key, 'the argument')).toThrow(/^the argument must be/)
  })

  test.each([[undefined], [null], [0], [1n], [true], [Symbol('key')], [{}], [['a']], [() => 'a'], [new String('a')]])(
    'nor %s',
    (key) => {
      expect(() => checkKey(key)).toThrow(InvalidKeyError)
      expect(memoryId('', key as string)).toBe('')
    },
  )
})

test('a pattern finds the values under its path and nothing else, whatever glob characters there are', () => {
  // Redis's own glob is asked in the Redis tests; here it is the escaping alone.
  const keys = new RedisKeys('app[1]*?\\:', undefined)
  expect(keys.valuesPattern('a:')).toBe('app\\[1\\]\\*\\?\\\\:v:a:*')
})
