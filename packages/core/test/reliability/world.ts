import { once } from 'node:events'
import { type RedisServer, startCluster, startFaultProxy, startRedis, startSentinel } from '@otel-cache/test-servers'
import { Cluster, type RedisOptions } from 'ioredis'
import { Cluster as Cluster5 } from 'ioredis5'
import { type CacheOptions, createCache } from '../../src/index.js'
import { freshName } from '../support/caches.js'
import { IOREDIS, type RedisClient } from '../support/redis.js'
import type { Beginning, ClientName, Fault, World } from './fault.js'

const [ioredis6, ioredis5] = IOREDIS

const CLIENTS: Readonly<Record<ClientName, { Client: typeof ioredis6.Client; options?: RedisOptions }>> = {
  'ioredis 6': ioredis6,
  'ioredis 5': ioredis5,
  'enableOfflineQueue: false': { ...ioredis6, options: { enableOfflineQueue: false } },
  'enableAutoPipelining: true': { ...ioredis6, options: { enableAutoPipelining: true } },
}

/** Lives in the servers that a fault asks for, with a client and a cache on it, and leaves nothing behind. */
export async function inWorld<T>(
  fault: Fault,
  clientName: ClientName,
  cacheOptions: Partial<CacheOptions>,
  live: (world: World) => Promise<T>,
): Promise<T> {
  const { behind, args = [], fromStart = false, clientOptions } = fault
  // Tests run side by side here, so none of vitest's hooks knows which of them is meant.
  const leave: Array<() => unknown> = []
  try {
    const sentinel = behind === 'sentinel' ? await startSentinel({ args }) : undefined
    const cluster = behind === 'cluster' ? await startCluster({ args }) : undefined
    const server = (await sentinel?.master()) ?? (cluster?.nodes[0] as RedisServer) ?? (await startRedis({ args }))
    leave.push(() => (sentinel ?? cluster ?? server).stop())
    const proxy = behind === 'proxy' ? await startFaultProxy({ target: server }) : undefined
    leave.push(() => proxy?.stop())
    const name = freshName()
    const before = { server, proxy, sentinel, cluster, name, admin: server.command.bind(server) } as Beginning
    if (fromStart) await fault.begin(before)
    const { Client, options } = CLIENTS[clientName]
    const { host, port } = proxy ?? server
    const client =
      cluster === undefined
        ? new Client({
            host,
            port,
            retryStrategy: () => 20,
            ...(sentinel && { ...sentinel.address, sentinelRetryStrategy: () => 20 }),
            ...options,
            ...clientOptions,
          } as RedisOptions & { replyMapping?: never })
        : // To these tests it is a client like the others.
          (new (clientName === 'ioredis 5' ? Cluster5 : Cluster)(cluster.address, {
            clusterRetryStrategy: () => 20,
          }) as unknown as RedisClient)
    client.on('error', () => {})
    leave.push(() => client.disconnect())
    if (!fromStart) await once(client, 'ready')
    // So short a belief that most reads ask Redis.
    const cache = createCache({ name, redis: client, maxStaleness: 20, ...cacheOptions })
    leave.push(() => cache.close())
    return await live({ ...before, client, cache })
  } finally {
    for (const one of leave.reverse()) await one()
  }
}
