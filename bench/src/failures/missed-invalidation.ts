import { setTimeout as pause } from 'node:timers/promises'
import type { RedisServer } from '@otel-cache/test-servers'
import type { Failure } from './failure.js'

/** How long it is watched, in milliseconds: twice as long as the contract lets memory be wrong. */
const WATCHED = 4_000

/**
 * The connection that invalidations come by is cut, another instance writes, and the client connects again. Where nobody
 * has subscribed to anything, all connections are cut.
 */
export const missedInvalidation: Failure = {
  name: 'missed invalidation',
  async run({ server, hasMemory, open }) {
    if (!hasMemory) return 'no memory'
    const reader = await open(() => 'old')
    await reader.getOrSet('key')
    const own = await settledClients(server)
    const writer = await open(() => 'new')
    await settledClients(server)
    await reader.getOrSet('key')
    const subscribed = own.filter(({ type }) => type === 'pubsub')
    const cut = subscribed.length > 0 ? subscribed : own
    await Promise.all(cut.map(({ id }) => server.command('CLIENT', 'KILL', 'ID', id)))
    await writer.set('key', 'new')
    const written = performance.now()
    while (performance.now() - written < WATCHED) {
      if ((await reader.getOrSet('key')) !== 'old') return `new after ${Math.round(performance.now() - written)} ms`
      await pause(10)
    }
    return `old for over ${WATCHED / 1_000} s`
  },
}

interface Client {
  readonly id: string
  readonly type: 'normal' | 'pubsub'
}

/** All connections, once they have been the same for a while: some libraries subscribe behind the caller's back. */
async function settledClients(server: RedisServer): Promise<readonly Client[]> {
  let clients = await clientsOf(server)
  for (let same = 0; same < 5; ) {
    await pause(20)
    const now = await clientsOf(server)
    same = JSON.stringify(now) === JSON.stringify(clients) ? same + 1 : 0
    clients = now
  }
  return clients
}

async function clientsOf(server: RedisServer): Promise<readonly Client[]> {
  const list = async (type: Client['type']): Promise<Client[]> => {
    const lines = String(await server.command('CLIENT', 'LIST', 'TYPE', type)).split('\n')
    // The command's own connection is among them.
    const others = lines.filter((line) => line !== '' && !/cmd=client\|list/.test(line))
    return others.map((line) => ({ type, id: /id=(\d+)/.exec(line)?.[1] ?? '' }))
  }
  const clients = [...(await list('normal')), ...(await list('pubsub'))]
  return clients.toSorted((one, other) => Number(one.id) - Number(other.id))
}
