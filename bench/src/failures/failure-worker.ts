import { startRedis } from '@otel-cache/test-servers'
import { serve } from '../child.js'
import type { Peer, Setting } from '../peers/peer.js'
import { peerNamed } from '../peers/peers.js'
import { clusterClear } from './cluster-clear.js'
import { failures } from './failures.js'

const [name = ''] = process.argv.slice(2)
const kind = peerNamed(name)
const prefix = `${name}:`

let unhandled = 0
process.on('unhandledRejection', () => {
  unhandled += 1
})

/** The process in which one peer meets one failure. What hangs in it ends with it. */
const tasks = {
  async fail(failureName: string): Promise<string> {
    const failure = failures.find((each) => each.name === failureName)
    if (failure === undefined) throw new Error(`no failure is called '${failureName}'`)
    const server = await startRedis()
    // It goes with this process: some peers would not survive its end long enough to tell.
    const { host, port } = server
    const hasMemory = kind.tiers.includes('both')
    const found = await failure.run({ server, hasMemory, open: (load) => opened({ redis: { host, port }, load }) })
    return unhandled === 0 ? found : `${found}, unhandled rejections`
  },

  async clear(nodes: readonly Setting['redis'][]): Promise<string> {
    const [redis] = nodes
    if (redis === undefined) throw new Error('a cluster has nodes')
    const peer = await opened({ redis, isCluster: true, load: () => undefined })
    return clusterClear(peer, prefix, nodes)
  },
}

export type FailureTasks = typeof tasks

function opened(setting: Pick<Setting, 'redis' | 'isCluster' | 'load'>): Promise<Peer> {
  const tiers = setting.isCluster ? 'redis' : (kind.tiers.at(-1) ?? 'redis')
  return kind.open({ ...setting, tiers, prefix, maxEntries: 10_000 })
}

serve(tasks)
