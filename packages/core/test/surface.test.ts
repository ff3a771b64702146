import { expect, test } from 'vitest'
import * as api from '../src/index.js'
import { makeCache } from './support/caches.js'

test('what the contract names is exported, and nothing that it does not', () => {
  const named = [
    'CacheClosedError',
    'CacheError',
    'InvalidKeyError',
    'InvalidOptionError',
    'InvalidValueError',
    'LoadTimeoutError',
    'createCache',
    'entry',
    'isCacheError',
    'notModified',
  ]
  expect(Object.keys(api)).toEqual(expect.arrayContaining(named))
  // A further error class is the project's own; anything else would be a promise nobody has decided on.
  expect(Object.keys(api).filter((name) => !named.includes(name) && !name.endsWith('Error'))).toEqual([])
})

test('a cache and its views have every member of the contract', () => {
  const members = [
    'get',
    'getOrSet',
    'getMany',
    'getOrSetMany',
    'set',
    'setMany',
    'delete',
    'deleteMany',
    'deleteByTag',
    'expire',
    'clear',
    'has',
    'peek',
    'inspect',
    'wrap',
    'namespace',
  ]
  const cache = makeCache({ name: 'users' })
  for (const view of [cache, cache.namespace('a'), cache.namespace('a').namespace('b')]) {
    for (const member of members) expect(view, member).toHaveProperty(member, expect.any(Function))
  }
  for (const member of ['ready', 'stats', 'close', Symbol.asyncDispose]) {
    expect(cache[member as keyof typeof cache], String(member)).toBeTypeOf('function')
  }
  expect(cache.name).toBe('users')
})
