import { createCache } from '@otel-cache/core'
import { OTEL_CACHE, policies } from './policies.js'
import type { PolicyOf } from './policy.js'
import type { Trace } from './trace.js'

/** What came of a trace at one capacity. */
export interface Replayed {
  readonly hits: number
  /** In milliseconds. */
  readonly took: number
}

/** Asks a textbook's policy, or the memory of this cache, for all of a trace. */
export function replay(policy: string, trace: Trace, capacity: number): Promise<Replayed> {
  if (policy === OTEL_CACHE) return replayOnCache(trace, capacity)
  const policyOf = policies[policy]
  if (policyOf === undefined) throw new Error(`no policy is called '${policy}'`)
  return Promise.resolve(replayOn(policyOf, trace, capacity))
}

function replayOn(policyOf: PolicyOf, { requests }: Trace, capacity: number): Replayed {
  const policy = policyOf(capacity, requests)
  const started = performance.now()
  let hits = 0
  for (const key of requests) if (policy.request(key)) hits += 1
  return { hits, took: performance.now() - started }
}

/** Through its public door, with default options but for the capacity: `get`, and `set` of what is absent. */
async function replayOnCache({ requests, keys }: Trace, capacity: number): Promise<Replayed> {
  const cache = createCache({ name: 'trace', memory: { maxEntries: capacity, maxBytes: 2 ** 40 } })
  const names = Array.from({ length: Math.max(keys, maximum(requests) + 1) }, (_, key) => String(key))
  const started = performance.now()
  for (const key of requests) {
    const name = names[key] as string
    if ((await cache.get(name)) === undefined) await cache.set(name, 1)
  }
  const took = performance.now() - started
  const { hits } = cache.stats()
  await cache.close()
  return { hits: hits.memory, took }
}

function maximum(requests: Int32Array): number {
  return requests.reduce((most, key) => Math.max(most, key), 0)
}
