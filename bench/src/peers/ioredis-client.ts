import type { Cluster, Redis } from 'ioredis'
import { type Setting, unheard } from './peer.js'

/** A client of ioredis 6 with default options, unless given. Resolves once it is ready, or at its first error. */
export async function ioredisClient(
  setting: Setting,
  options: { enableAutoPipelining?: boolean } = {},
): Promise<Redis> {
  const ioredis = await import('ioredis')
  const { redis, isCluster } = setting
  const client: Redis | Cluster = isCluster
    ? new ioredis.Cluster([redis], options)
    : new ioredis.Redis({ ...redis, ...options })
  await new Promise<void>((resolve) => {
    client.on('error', unheard).once('error', () => resolve())
    client.once('ready', () => resolve())
  })
  // What the peers call of it, a Cluster has as well.
  return client as Redis
}
