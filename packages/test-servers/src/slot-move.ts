import type { RedisCluster } from './cluster.js'
import type { Reply } from './command.js'
import type { RedisServer } from './redis.js'

/** A slot of a Cluster on its way from one master to another, as `redis-cli --cluster reshard` moves it. */
export interface SlotMove {
  /** Moves these of its keys, or all that are there. */
  migrate(...keys: readonly string[]): Promise<void>
  /** Moves what is left, and gives the slot to its new owner. */
  finish(): Promise<void>
}

const MOVE_TIMEOUT = 5_000
const MOST_KEYS = 100

/** Begins to move the slot of a key. Its keys stay where they are for now. */
export async function beginSlotMove({ nodes }: RedisCluster, key: string): Promise<SlotMove> {
  const masters = await mastersOf(nodes)
  const [any] = masters as [Master]
  const slot = Number(await any.node.command('CLUSTER', 'KEYSLOT', key))
  const ranges = (await any.node.command('CLUSTER', 'SLOTS')) as Reply[][]
  const range = ranges.find(([from, to]) => Number(from) <= slot && slot <= Number(to))
  const ownerPort = (range?.[2] as Reply[] | undefined)?.[1]
  const from = masters.find(({ node }) => node.port === ownerPort)
  const to = masters.find((one) => one !== from)
  if (from === undefined || to === undefined) throw new Error(`slot ${slot} has no owner, or there is no other master`)
  await to.node.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id)
  await from.node.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id)
  const left = async (): Promise<string[]> =>
    (await from.node.command('CLUSTER', 'GETKEYSINSLOT', slot, MOST_KEYS)) as string[]
  const migrate = async (...keys: readonly string[]): Promise<void> => {
    const names = keys.length > 0 ? keys : await left()
    if (names.length === 0) return
    await from.node.command('MIGRATE', to.node.host, to.node.port, '', 0, MOVE_TIMEOUT, 'KEYS', ...names)
  }
  return {
    migrate,
    async finish() {
      while ((await left()).length > 0) await migrate()
      for (const { node } of [to, from, ...masters]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id)
    },
  }
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
