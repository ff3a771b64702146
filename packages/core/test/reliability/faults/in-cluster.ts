import { beginSlotMove, type RedisServer, type Reply, type SlotMove } from '@otel-cache/test-servers'
import { until } from '../../support/until.js'
import type { Fault, World } from '../fault.js'
import { KEYS } from '../load.js'

const MASTERS = 3
/** Of a slot that no key of the load is in. */
const UNUSED = 'unused'

async function isMaster(node: RedisServer): Promise<boolean> {
  const [role] = (await node.command('ROLE').catch(() => [])) as Reply[]
  return role === 'master'
}

/** Until a replica has taken the place of the master that is gone, and the others know. */
async function hasTakenOver({ cluster, server }: World): Promise<void> {
  const others = cluster.nodes.filter((node) => node !== server)
  await until(async () => {
    const masters = (await Promise.all(others.map(isMaster))).filter(Boolean)
    const infos = await Promise.all(others.map((node) => node.command('CLUSTER', 'INFO').then(String)))
    return masters.length === MASTERS && infos.every((info) => info.includes('cluster_state:ok'))
  }, 'another master')
}

/** Until every node says so: it looks at its state from time to time. Those that do not are told again. */
function isSaid({ nodes }: World['cluster'], state: string, ...tell: readonly string[]): Promise<void> {
  return until(async () => {
    const infos = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'INFO').then(String)))
    const others = nodes.filter((_, index) => !infos[index]?.includes(state))
    if (tell.length > 0) await Promise.all(others.map((node) => node.command(...tell).catch(() => {})))
    return others.length === 0
  }, state)
}

/** By the cache's name. */
const moves = new Map<string, readonly SlotMove[]>()

/** A Cluster of three masters: the keys of the load are on all of them, and one breaker is before all of them. */
export const IN_CLUSTER: readonly Fault[] = [
  {
    name: 'a master of a Cluster is killed, and its replica takes over',
    behind: 'cluster',
    clients: ['ioredis 6', 'ioredis 5'],
    begin: ({ server }) => server.kill('SIGKILL'),
    end: hasTakenOver,
    owed: { breaker: 'may open', orErrors: ['connection', 'timeout', 'cluster'], forgets: true },
  },
  {
    name: 'a master of a Cluster is stopped (SIGSTOP), and its replica takes over',
    behind: 'cluster',
    begin: ({ server }) => server.kill('SIGSTOP'),
    end: async (world) => {
      await hasTakenOver(world)
      await world.server.kill('SIGCONT')
    },
    owed: { breaker: 'may open', orErrors: ['connection', 'timeout', 'cluster'], forgets: true },
  },
  {
    name: 'the slots of all keys are moving to other masters',
    behind: 'cluster',
    clients: ['ioredis 6', 'ioredis 5'],
    begin: async ({ cluster, name }) => {
      const begun: SlotMove[] = []
      for (const key of KEYS) begun.push(await beginSlotMove(cluster, `${name}:v:{${key}}`))
      moves.set(name, begun)
    },
    end: async ({ name }) => {
      for (const move of moves.get(name) ?? []) await move.finish()
    },
    owed: { breaker: 'stays closed', orErrors: ['cluster', 'timeout'], hits: true, set: true, delete: true },
  },
  {
    name: 'a Cluster loses a slot, and refuses everything (CLUSTERDOWN)',
    behind: 'cluster',
    begin: async ({ cluster, server }) => {
      const slot = Number(await server.command('CLUSTER', 'KEYSLOT', UNUSED))
      // Again where what the owner had said before it lost the slot came late, and made it the owner again.
      await isSaid(cluster, 'cluster_state:fail', 'CLUSTER', 'DELSLOTS', String(slot))
    },
    end: async ({ cluster, server }) => {
      const slot = Number(await server.command('CLUSTER', 'KEYSLOT', UNUSED))
      // For the same reason.
      await until(async () => {
        await server.command('CLUSTER', 'DELSLOTS', slot).catch(() => {})
        return (await server.command('CLUSTER', 'ADDSLOTS', slot).catch(() => 'busy')) === 'OK'
      }, 'the slot')
      await isSaid(cluster, 'cluster_state:ok')
    },
    owed: { breaker: 'opens', error: 'timeout', orErrors: ['cluster'], set: false, delete: false },
  },
]
