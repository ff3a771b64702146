import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Cache } from '@otel-cache/core'
import { LRUCache } from 'lru-cache'
import { type Document, inTurn, manyKeys, smallDocument } from '../documents.js'
import { type Case, type Group, type Operation, timesOf, unmeteredAndMetered } from '../group.js'
import type { Stage } from '../stage.js'

const BARE = 'lru-cache get'
const AWAITED = 'lru-cache get, awaited'

/** Of the operation, its name, whether it is awaited, and how it is made. */
const OPERATIONS: ReadonlyArray<readonly [string, boolean, (cache: Cache, key: () => string) => Operation]> = [
  ['getOrSet', true, (cache, key) => () => cache.getOrSet(key(), neverLoaded)],
  ['get', true, (cache, key) => () => cache.get(key())],
  ['peek', false, (cache, key) => () => cache.peek(key())],
]

/** A hit in memory, again and again in one turn of the event loop. */
export const memoryHit: Group = {
  name: 'memory-hit',
  cases: [
    { name: BARE, awaited: false, prepare: lruGet },
    { name: AWAITED, awaited: true, prepare: lruGet },
    ...unmeteredAndMetered(({ metered, suffix }) =>
      OPERATIONS.map(
        ([name, awaited, operationOf]): Case => ({
          name: name + suffix,
          awaited,
          prepare: async (stage) => operationOf(await filledCache(stage, metered), inTurn(manyKeys(''))),
        }),
      ),
    ).flat(),
  ],
  figures: [
    ...timesOf('getOrSet', AWAITED, { bare: 1.5, metered: 1.5 }),
    ...timesOf('get', AWAITED),
    ...timesOf('peek', BARE, { bare: 2, metered: 2 }),
    { subject: 'getOrSet, metered', floor: 'getOrSet', kind: 'added', bound: { limit: 15 } },
  ],
}

/**
 * One hit in each turn of the event loop. The cache reads its clock once a turn, which a loop within one turn hides: here
 * each hit pays for it alone, the worst case. The turn itself costs much more, so what counts is what is added.
 */
export const memoryHitPerTurn: Group = {
  name: 'memory-hit-per-turn',
  isLong: true,
  cases: [
    { name: AWAITED, awaited: true, prepare: () => inOwnTurn(lruGet()) },
    ...unmeteredAndMetered(
      ({ metered, suffix }): Case => ({
        name: `getOrSet${suffix}`,
        awaited: true,
        async prepare(stage) {
          const cache = await filledCache(stage, metered)
          const key = inTurn(manyKeys(''))
          return inOwnTurn(() => cache.getOrSet(key(), neverLoaded))
        },
      }),
    ),
  ],
  figures: unmeteredAndMetered(({ suffix }) => ({ subject: `getOrSet${suffix}`, floor: AWAITED, kind: 'added' })),
}

function inOwnTurn(operation: Operation): Operation {
  return async () => {
    await nextTurn()
    return await operation()
  }
}

function lruGet(): Operation {
  const lru = new LRUCache<string, Document>({ max: 10_000 })
  for (const [id, key] of manyKeys('').entries()) lru.set(key, smallDocument(id))
  const key = inTurn(manyKeys(''))
  return () => lru.get(key())
}

function filledCache(stage: Stage, metered: boolean): Promise<Cache> {
  return stage.filledCache(manyKeys(''), smallDocument, {}, metered)
}

function neverLoaded(): never {
  throw new Error('the memory tier should have had this key')
}
