import { setTimeout as pause } from 'node:timers/promises'
import type { Cache } from '@otel-cache/core'
import type { Calling } from './call.js'
import { now } from './journal.js'
import { lifetimeOf, SUBJECTS, type Subject } from './layout.js'
import type { Answer, Request, Seen, Wrote } from './messages.js'

const TTL = 600_000

export async function writeAgainAndAgain(
  { cache, versions }: Calling,
  request: Extract<Request, { kind: 'write' }>,
): Promise<Answer> {
  const subject = SUBJECTS[request.subject] as Subject
  const writes: Wrote[] = []
  for (let i = 0; i < request.times; i++) {
    const value = versions.next()
    const confirmed = await cache.set(subject.key, value, lifetimeOf(subject, TTL))
    writes.push({ value, confirmed, at: now() })
    await pause(request.pause)
  }
  return { kind: 'wrote', writes }
}

export interface Watch {
  stop(): readonly Seen[]
}

/**
 * Looks into memory every millisecond: busy polling in seven processes would measure the scheduler of a small machine. A
 * value that has gone is asked for again, so that memory holds the next one.
 */
export function watch(cache: Cache, index: number): Watch {
  const { key } = SUBJECTS[index] as Subject
  const seen: Seen[] = []
  let held: { readonly value: number; readonly first: number; last: number } | undefined
  let asking = false
  const ask = async (): Promise<void> => {
    asking = true
    await cache.get(key)
    asking = false
  }
  const look = (): void => {
    const value = cache.peek<number>(key)
    const at = now()
    if (held !== undefined && held.value !== value) {
      seen.push({ ...held, gone: at })
      held = undefined
    }
    if (value === undefined && !asking) void ask()
    if (value !== undefined) {
      held ??= { value, first: at, last: at }
      held.last = at
    }
  }
  const timer = setInterval(look, 1)
  return {
    stop: () => {
      clearInterval(timer)
      return seen
    },
  }
}
