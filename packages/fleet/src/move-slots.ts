import type { RedisCluster, RedisServer, Reply } from '@otel-cache/test-servers'
import { rawName, type Subject } from './layout.js'

const MOVE_TIMEOUT = 5_000
const MOST_KEYS = 100

/** Moves the slot of a subject's keys to another master, as `redis-cli --cluster reshard` does, with clients at work. */
export async function moveSlotOf(subject: Subject, { nodes }: RedisCluster): Promise<void> {
  const masters = await mastersOf(nodes)
  const [any] = masters
  if (any === undefined) return
  const slot = Number(await any.node.command('CLUSTER', 'KEYSLOT', rawName(subject)))
  const ranges = (await any.node.command('CLUSTER', 'SLOTS')) as Reply[][]
  const range = ranges.find(([from, to]) => Number(from) <= slot && slot <= Number(to))
  const ownerPort = (range?.[2] as Reply[] | undefined)?.[1]
  const from = masters.find(({ node }) => node.port === ownerPort)
  const to = masters.find((one) => one !== from)
  if (from === undefined || to === undefined) return
  await to.node.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id)
  await from.node.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id)
  for (;;) {
    const keys = (await from.node.command('CLUSTER', 'GETKEYSINSLOT', slot, MOST_KEYS)) as string[]
    if (keys.length === 0) break
    await from.node.command('MIGRATE', to.node.host, to.node.port, '', 0, MOVE_TIMEOUT, 'KEYS', ...keys)
  }
  for (const { node } of [to, from, ...masters]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id)
}

interface Master {
  readonly node: RedisServer
  readonly id: string
}

async function mastersOf(nodes: readonly RedisServer[]): Promise<readonly Master[]> {
  const masters: Master[] = []
  for (const node of nodes) {
    const [role] = (await node.command('ROLE')) as Reply[]
    if (role === 'master') masters.push({ node, id: String(await node.command('CLUSTER', 'MYID')) })
  }
  return masters
}
