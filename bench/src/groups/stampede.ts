import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Document, smallDocument } from '../documents.js'
import { type Case, type Group, type Operation, unmeteredAndMetered } from '../group.js'

const CALLERS = 1_000
/**
 * Of the contract: 3 microseconds a waiter. What is recorded of each waiter comes on top here, and is hidden by a loader that
 * takes 50 ms, as the contract has it: `peers-stampede` measures and bounds that, metered.
 */
const LIMIT = 3_000 * CALLERS
const BARE = 'a Map of promises'
const WARM_AFTER_STAMPEDES = 500

/** 1,000 callers of a cold key at once, and a loader that answers in the next turn: one load. */
export const stampede: Group = {
  name: 'stampede',
  cases: [
    {
      name: BARE,
      awaited: true,
      warmAfter: WARM_AFTER_STAMPEDES,
      prepare() {
        const loading = new Map<string, Promise<Document>>()
        return stampedeOf((key, load) => {
          let promise = loading.get(key)
          if (promise === undefined) {
            promise = load().finally(() => loading.delete(key))
            loading.set(key, promise)
          }
          return promise
        })
      },
    },
    ...unmeteredAndMetered(
      ({ metered, suffix }): Case => ({
        name: `getOrSet${suffix}`,
        awaited: true,
        warmAfter: WARM_AFTER_STAMPEDES,
        prepare(stage) {
          const cache = stage.cache({}, metered, 'misses')
          return stampedeOf((key, load) => cache.getOrSet(key, load))
        },
      }),
    ),
  ],
  figures: unmeteredAndMetered(({ metered, suffix }) => ({
    subject: `getOrSet${suffix}`,
    floor: BARE,
    kind: 'added',
    ...(!metered && { bound: { limit: LIMIT } }),
  })),
}

function stampedeOf(readThrough: (key: string, load: () => Promise<Document>) => Promise<Document>): Operation {
  let newest = 0
  return async () => {
    const id = newest++
    let loads = 0
    const load = async (): Promise<Document> => {
      loads += 1
      await nextTurn()
      return smallDocument(id)
    }
    await Promise.all(Array.from({ length: CALLERS }, () => readThrough(`cold:${id}`, load)))
    if (loads !== 1) throw new Error(`${loads} loads of one key`)
  }
}
