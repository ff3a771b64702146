import { onFreePort } from './free-port.js'
import { type RedisServer, startRedis } from './redis.js'
import { startAll } from './start-all.js'
import { until } from './until.js'

const MASTERS = 3
const SLOTS = 16_384

export interface ClusterOptions {
  /** Further arguments of every `redis-server`. */
  readonly args?: readonly string[]
}

/** A Redis Cluster of three masters, each with a third of the slots, and a replica of each. Redis 7.0 and later. */
export interface RedisCluster {
  /** What ioredis takes: `new Cluster(cluster.address)`. */
  readonly address: Array<{ host: string; port: number }>
  /** As they were at the start: first the masters, then a replica of each in the same order. */
  readonly nodes: readonly RedisServer[]
  /** Ends all processes and removes their folders. Twice without harm. */
  stop(): Promise<void>
}

/** Starts a cluster of its own, and resolves once every node takes commands and every replica is up to date. */
export async function startCluster({ args = [] }: ClusterOptions = {}): Promise<RedisCluster> {
  const nodes: RedisServer[] = []
  const stop = async (): Promise<void> => void (await Promise.all(nodes.map((node) => node.stop())))
  try {
    await startAll(2 * MASTERS, nodes, () => onFreePort((busPort) => startNode(busPort, args)))
    await join(nodes)
  } catch (error) {
    await stop()
    throw error
  }
  return { address: nodes.map(({ host, port }) => ({ host, port })), nodes, stop }
}

function startNode(busPort: number, args: readonly string[]): Promise<RedisServer> {
  // The usual port of the bus, 10,000 above the other, may be beyond the last one.
  const own = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', '1000']
  return startRedis({ args: [...own, '--repl-diskless-sync-delay', '0', ...args] })
}

async function join(nodes: readonly RedisServer[]): Promise<void> {
  const [first, ...others] = nodes
  const ids = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'MYID')))
  await Promise.all(nodes.map((node, i) => node.command('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)))
  const bound = (i: number): number => Math.floor((i * SLOTS) / MASTERS)
  const masters = nodes.slice(0, MASTERS)
  await Promise.all(masters.map((node, i) => node.command('CLUSTER', 'ADDSLOTSRANGE', bound(i), bound(i + 1) - 1)))
  await Promise.all(
    others.map(async (node) => first?.command('CLUSTER', 'MEET', node.host, node.port, await busPort(node))),
  )
  await everyNode('knows every other', nodes, async (node) => {
    const known = String(await node.command('CLUSTER', 'NODES'))
    return ids.every((id) => known.includes(String(id))) && !known.includes('handshake')
  })
  const replicas = nodes.slice(MASTERS)
  await Promise.all(replicas.map((node, i) => node.command('CLUSTER', 'REPLICATE', String(ids[i]))))
  await everyNode('is ready', nodes, async (node, i) => {
    const known = String(await node.command('CLUSTER', 'NODES'))
    const info = String(await node.command('CLUSTER', 'INFO'))
    const role = String(await node.command('ROLE'))
    const done = i < MASTERS ? role.startsWith('master') : role.includes(',connected,')
    return done && info.includes('cluster_state:ok') && known.match(/ slave |,slave /g)?.length === replicas.length
  })
}

async function busPort(node: RedisServer): Promise<string> {
  return String(await node.command('CONFIG', 'GET', 'cluster-port')).replace('cluster-port,', '')
}

async function everyNode(
  what: string,
  nodes: readonly RedisServer[],
  is: (node: RedisServer, index: number) => Promise<boolean>,
): Promise<void> {
  await until(`every node ${what}`, async () => (await Promise.all(nodes.map(is))).every(Boolean) || undefined)
}
