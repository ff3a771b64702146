import { type RedisServer, startRedis } from '@otel-cache/test-servers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { peers } from '../dist/peers/peers.js'

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

const forms = peers.flatMap((kind) => kind.tiers.map((tiers) => ({ name: kind.name, kind, tiers })))

test.each(forms)('$name reads through, of $tiers', async ({ name, kind, tiers }) => {
  let loads = 0
  const load = (key: string): unknown => {
    loads += 1
    return { key }
  }
  const peer = await kind.open({ tiers, redis: server, prefix: `${name} ${tiers}:`, maxEntries: 100, load })
  try {
    for (let i = 0; i < 3; i++) expect(await peer.getOrSet('a')).toEqual({ key: 'a' })
    expect(loads).toBe(1)
    expect(await peer.getMany?.(['a'])).toEqual(peer.getMany && [{ key: 'a' }])
    await peer.set('b', { key: 'other' })
    expect(await peer.getOrSet('b')).toEqual({ key: 'other' })
    await peer.delete('a')
    await peer.getOrSet('a')
    expect(loads).toBe(2)
  } finally {
    await peer.close()
  }
})
