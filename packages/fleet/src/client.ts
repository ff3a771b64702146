import { Cluster, Redis } from 'ioredis'
import type { Target } from './messages.js'

/** Nobody can be back before its client is. */
const retryStrategy = (): number => 50

/** An application's client, but one that is back soon. */
export function connect(target: Target, maxRetriesPerRequest: number = 20): Redis | Cluster {
  const client = connectTo(target, maxRetriesPerRequest)
  // It tries again by itself, and tells whoever asks it.
  client.on('error', () => {})
  return client
}

function connectTo(target: Target, maxRetriesPerRequest: number): Redis | Cluster {
  if ('nodes' in target) {
    return new Cluster(target.nodes, { clusterRetryStrategy: retryStrategy, redisOptions: { maxRetriesPerRequest } })
  }
  const options = { retryStrategy, maxRetriesPerRequest }
  if ('host' in target) return new Redis({ ...target, ...options })
  return new Redis({ ...target, ...options, failoverDetector: true, sentinelRetryStrategy: retryStrategy })
}
