import { setTimeout as pause } from 'node:timers/promises'
import type { Failure } from './failure.js'

const CALLERS = 20

export const failingLoader: Failure = {
  name: `failing loader, ${CALLERS} callers`,
  async run({ open }) {
    let loads = 0
    const failure = new Error('the origin fails')
    const peer = await open(async () => {
      loads += 1
      await pause(5)
      throw failure
    })
    const results = await Promise.allSettled(Array.from({ length: CALLERS }, () => peer.getOrSet('key')))
    const failed = results.filter(({ status }) => status === 'rejected').length
    const undefinedOnes = failed === CALLERS ? '' : `, ${CALLERS - failed} got undefined`
    return `${loads} ${loads === 1 ? 'load' : 'loads'}, ${failed} errors${undefinedOnes}`
  },
}

const FALSY: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['0', 0],
  ["''", ''],
  ['false', false],
  ['null', null],
])

/** Loaded by one instance, and read by another, which has to find it in Redis. */
export const falsyValues: Failure = {
  name: 'falsy values',
  async run({ open }) {
    const writer = await open((key) => FALSY.get(key))
    const loadedAgain: string[] = []
    const reader = await open((key) => {
      loadedAgain.push(key)
      return FALSY.get(key)
    })
    for (const key of FALSY.keys()) await writer.getOrSet(key)
    const changed: string[] = []
    for (const [key, value] of FALSY) if ((await reader.getOrSet(key)) !== value) changed.push(key)
    if (changed.length > 0) return `changed: ${changed.join(' ')}`
    return loadedAgain.length === 0 ? 'kept' : `loaded again: ${loadedAgain.join(' ')}`
  },
}
