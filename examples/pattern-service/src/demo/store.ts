import { Redis } from 'ioredis'

const DEFAULT_URL = 'redis://127.0.0.1:6379'
const PROBE_TIMEOUT = 1000

export interface Store {
  readonly kind: 'redis' | 'memory'
  /** Says to a person what is used, and why. */
  readonly description: string
  readonly redis?: Redis
}

/** Uses the Redis that was asked for, or the one on the default port, if it answers; otherwise memory. */
export async function findStore(redisUrl: string | undefined): Promise<Store> {
  const url = redisUrl ?? DEFAULT_URL
  if (!/^rediss?:\/\//.test(url) || !URL.canParse(url)) {
    return memory('REDIS_URL is not a URL like redis://host:6379 (it is not shown, it may hold a password)')
  }
  // Host and port only: a URL can hold a password.
  const host = new URL(url).host || 'localhost'
  const reason = await probe(url)
  if (reason !== undefined) {
    return memory(`${redisUrl ? 'REDIS_URL is set, but ' : ''}no Redis answers at ${host}: ${reason}`)
  }

  const redis = new Redis(url)
  // The client reconnects by itself and the cache counts what fails: an error here needs no more than a listener.
  redis.on('error', () => {})
  return { kind: 'redis', description: `Redis at ${host}`, redis }
}

function memory(reason: string): Store {
  return { kind: 'memory', description: `memory only (${reason})` }
}

/** Asks once, with a client that is thrown away. Resolves to what went wrong, if anything did. */
async function probe(url: string): Promise<string | undefined> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, disconnectTimeout: 0 })
  let reason: string | undefined
  client.on('error', (error: NodeJS.ErrnoException) => {
    // Where a host has several addresses the error is an AggregateError, and its message empty.
    reason = error.message || error.code
  })
  const timer = setTimeout(() => client.disconnect(), PROBE_TIMEOUT)
  try {
    await client.connect()
    await client.ping()
  } catch {
    reason ??= `nothing within ${PROBE_TIMEOUT} ms`
  } finally {
    clearTimeout(timer)
    client.disconnect()
  }
  return reason
}
