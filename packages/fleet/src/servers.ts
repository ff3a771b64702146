import {
  type FaultProxy,
  type RedisCluster,
  type RedisServer,
  type SentinelSet,
  startCluster,
  startFaultProxy,
  startRedis,
  startSentinel,
} from '@otel-cache/test-servers'
import type { Target } from './messages.js'

/** What stands behind a fleet. */
export interface Servers {
  /** For the workers, and past every proxy. */
  readonly target: Target
  readonly direct: Target
  /** The server, or a master. */
  readonly server: RedisServer
  readonly proxy?: FaultProxy
  readonly sentinels?: SentinelSet
  readonly cluster?: RedisCluster
  stop(): Promise<void>
}

export type Kind = 'redis' | 'proxy' | 'sentinels' | 'cluster'

export async function startServers(kind: Kind): Promise<Servers> {
  if (kind === 'cluster') {
    const cluster = await startCluster()
    const target = { nodes: cluster.address }
    return { target, direct: target, server: cluster.nodes[0] as RedisServer, cluster, stop: () => cluster.stop() }
  }
  if (kind === 'sentinels') {
    const sentinels = await startSentinel()
    const target = sentinels.address
    const server = await sentinels.master()
    return { target, direct: target, server, sentinels, stop: () => sentinels.stop() }
  }
  const server = await startRedis()
  const direct = { host: server.host, port: server.port }
  if (kind === 'redis') return { target: direct, direct, server, stop: () => server.stop() }
  const proxy = await startFaultProxy({ target: server })
  const stop = async (): Promise<void> => {
    await proxy.stop()
    await server.stop()
  }
  return { target: { host: proxy.host, port: proxy.port }, direct, server, proxy, stop }
}
