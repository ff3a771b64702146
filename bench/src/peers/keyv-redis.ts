import type { Keyv } from 'keyv'
import { type Setting, unheard } from './peer.js'

/** Redis as cacheable and cache-manager have it: Keyv over @keyv/redis, which brings node-redis 5. Resolves when ready. */
export async function keyvOverRedis({ redis, isCluster, prefix }: Setting): Promise<Keyv> {
  const { default: KeyvRedis, createClient, createCluster } = await import('@keyv/redis')
  const { Keyv } = await import('keyv')
  const url = `redis://${redis.host}:${redis.port}`
  const client = isCluster ? createCluster({ rootNodes: [{ url }] }) : createClient({ url })
  client.on('error', unheard)
  await new Promise<void>((resolve) => {
    client.once('error', () => resolve())
    client.connect().then(
      () => resolve(),
      () => resolve(),
    )
  })
  const keyv = new Keyv({ store: new KeyvRedis(client as never), namespace: prefix, useKeyPrefix: false })
  return keyv.on('error', unheard)
}
