import { setTimeout as pause } from 'node:timers/promises'
import type { Cache } from '@otel-cache/core'
import { now } from './journal.js'
import type { Called, Request } from './messages.js'
import type { Versions } from './versions.js'

export interface Calling {
  readonly cache: Cache
  readonly versions: Versions
}

/** So many callers of one key in one turn: a stampede, or the leader that is about to die. */
export async function call(
  { cache, versions }: Calling,
  { key, callers, loader }: Extract<Request, { kind: 'call' }>,
  onLoad: (at: number) => void,
): Promise<Called> {
  let loads = 0
  let slowest = 0
  const load = async (): Promise<number> => {
    loads += 1
    onLoad(now())
    if (loader === 'hangs') await new Promise(() => {})
    else await pause(loader.takes)
    return versions.next()
  }
  const values = new Set<unknown>()
  const errors: string[] = []
  const started = now()
  const one = async (): Promise<void> => {
    try {
      values.add(await cache.getOrSet(key, load))
    } catch (error) {
      errors.push(String(error))
    }
    slowest = Math.max(slowest, now() - started)
  }
  await Promise.all(Array.from({ length: callers }, one))
  return { kind: 'called', loads, errors, values: [...values], at: now(), slowest }
}
