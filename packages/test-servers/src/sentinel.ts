import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { command, type Reply } from './command.js'
import { launch, type RedisServer, startRedis } from './redis.js'
import { startAll } from './start-all.js'
import { until } from './until.js'

const NAME = 'main'
const SENTINELS = 3
const QUORUM = 2
/** Milliseconds. */
const PING_PERIOD = 250

export interface SentinelOptions {
  /** Replicas beside the master. Default: 1. */
  readonly replicas?: number
  /** Milliseconds without a reply after which the first Sentinel takes a server for dead. Default: 500. */
  readonly downAfter?: number
  /** Further arguments of every `redis-server` but the Sentinels. */
  readonly args?: readonly string[]
}

/**
 * A master, its replicas, and three Sentinels of which two must agree. Each is a `RedisServer`, to be stopped, killed
 * and started again by itself. When a master dies or hangs another one takes over 1 to 2 seconds later than `downAfter`.
 */
export interface SentinelSet {
  /** What ioredis takes: `new Redis(set.address)`. */
  readonly address: { readonly name: string; readonly sentinels: Array<{ host: string; port: number }> }
  readonly sentinels: readonly RedisServer[]
  /** The master and the replicas, whichever is which. */
  readonly servers: readonly RedisServer[]
  /** The one that the Sentinels name, as soon as all that run name the same. It may be dead. */
  master(): Promise<RedisServer>
  /** Resolves with the new master once all Sentinels that run name another one than this, and it takes writes. */
  masterAfter(old: RedisServer): Promise<RedisServer>
  /**
   * Has the first Sentinel, which must run, choose another master, and resolves with it when that is over: the old one,
   * and every other server that runs, is its replica. Until then the old one takes writes that will be lost.
   */
  failover(): Promise<RedisServer>
  /**
   * Resolves with the master once the first fail-over of this set, which the first Sentinel was told to make, is over. It is
   * told again where it has given up. On a starved machine the Sentinels may have chosen once more, even the old one.
   */
  failedOver(): Promise<RedisServer>
  /** Ends all processes and removes their folders. Twice without harm. */
  stop(): Promise<void>
}

/** Starts a set of its own, and resolves once the replicas are up to date and the Sentinels know each other. */
export async function startSentinel(options: SentinelOptions = {}): Promise<SentinelSet> {
  const { replicas = 1, downAfter = 500, args = [] } = options
  // A replica is served as it comes, not five seconds later together with others.
  const serverArgs = ['--repl-diskless-sync-delay', '0', ...args]
  const servers: RedisServer[] = []
  const sentinels: RedisServer[] = []
  const set = new RunningSet(servers, sentinels)
  try {
    const master = await startRedis({ args: serverArgs })
    servers.push(master)
    const replicaArgs = [...serverArgs, '--replicaof', master.host, String(master.port)]
    await startAll(replicas, servers, () => startRedis({ args: replicaArgs }))
    // Sentinels ask a master for its replicas when they start, and again only after seconds.
    await set.replicated(master)
    // One after the other: who notices at the same time votes for himself, and the next election is seconds later.
    await startAll(SENTINELS, sentinels, (index) => startOneSentinel(master, downAfter + index * PING_PERIOD))
    await set.settled(master)
    return set
  } catch (error) {
    await set.stop()
    throw error
  }
}

async function startOneSentinel(master: RedisServer, downAfter: number): Promise<RedisServer> {
  const sentinel = await launch(async (port, folder) => {
    const file = join(folder, 'sentinel.conf')
    const config = `port ${port}
bind 127.0.0.1
dir ${folder}
sentinel monitor ${NAME} ${master.host} ${master.port} ${QUORUM}
sentinel down-after-milliseconds ${NAME} ${downAfter}
sentinel failover-timeout ${NAME} 2000
`
    await writeFile(file, config)
    return [file, '--sentinel']
  })
  // Sentinels look around every few seconds, and do nothing for 30 when they were held up for 2. Redis before 7.0 has
  // no such command, and is as slow as it is.
  const periods = ['info-period', 200, 'ping-period', PING_PERIOD, 'publish-period', 200, 'tilt-period', 500]
  await sentinel.command('SENTINEL', 'DEBUG', ...periods).catch(() => {})
  return sentinel
}

class RunningSet implements SentinelSet {
  readonly servers: readonly RedisServer[]
  readonly sentinels: readonly RedisServer[]

  constructor(servers: readonly RedisServer[], sentinels: readonly RedisServer[]) {
    this.servers = servers
    this.sentinels = sentinels
  }

  get address(): SentinelSet['address'] {
    return { name: NAME, sentinels: this.sentinels.map(({ host, port }) => ({ host, port })) }
  }

  master(): Promise<RedisServer> {
    return until('the Sentinels agree', () => this.#named())
  }

  masterAfter(old: RedisServer): Promise<RedisServer> {
    return until(`another master than ${old.port}`, async () => {
      const master = await this.#takingWrites()
      return master === old ? undefined : master
    })
  }

  async failover(): Promise<RedisServer> {
    const old = await this.master()
    const first = this.sentinels[0] as RedisServer
    const master = await until(`another master than ${old.port}`, async () => {
      const state = record((await first.command('SENTINEL', 'MASTER', NAME)) as Reply[])
      const isStill = state.get('port') === String(old.port)
      // Refused as long as the one before is not over for all, or a replica has not been heard of lately; given up where
      // it takes too long; and on a starved machine the Sentinels may have gone back to the old one.
      if (isStill && !String(state.get('flags')).includes('failover')) await first.command('SENTINEL', 'FAILOVER', NAME)
      const named = await this.#takingWrites()
      return named === old ? undefined : named
    })
    await this.settled(master)
    return master
  }

  async failedOver(): Promise<RedisServer> {
    const first = this.sentinels[0] as RedisServer
    await until('the first Sentinel has made a fail-over', async () => {
      const state = record((await first.command('SENTINEL', 'MASTER', NAME)) as Reply[])
      if (Number(state.get('config-epoch')) > 0) return true
      if (!String(state.get('flags')).includes('failover')) await first.command('SENTINEL', 'FAILOVER', NAME)
      return undefined
    })
    return until('a master that all name', () => this.#takingWrites())
  }

  async stop(): Promise<void> {
    await Promise.all([...this.servers, ...this.sentinels].map((server) => server.stop()))
  }

  /** Until every server that runs is a replica of this one, and up to date. */
  replicated(master: RedisServer): Promise<true> {
    return until(`all are replicas of ${master.port}`, async () => {
      const roles = await askAll(this.servers, ['ROLE'])
      const replicas = roles.filter(([role, , port, state]) => {
        return role === 'slave' && port === master.port && state === 'connected'
      })
      return replicas.length === roles.length - 1 || undefined
    })
  }

  /** Until all is as it should be, and every Sentinel that runs knows it. */
  async settled(master: RedisServer): Promise<void> {
    await this.replicated(master)
    await until('the Sentinels know each other and the replicas', async () => {
      const states = (await askAll(this.sentinels, ['SENTINEL', 'MASTER', NAME])).map(record)
      const calm = states.every((state) => {
        const replicas = Number(state.get('num-slaves'))
        const others = Number(state.get('num-other-sentinels'))
        return replicas === this.servers.length - 1 && others === SENTINELS - 1 && state.get('flags') === 'master'
      })
      return (calm && states.length >= QUORUM) || undefined
    })
  }

  async #named(): Promise<RedisServer | undefined> {
    const addresses = await askAll(this.sentinels, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME])
    const [port, ...others] = new Set(addresses.map(([, port]) => Number(port)))
    if (addresses.length < QUORUM || others.length > 0) return undefined
    return this.servers.find((server) => server.port === port)
  }

  /** The one that all name, if it knows that it is the master. */
  async #takingWrites(): Promise<RedisServer | undefined> {
    const master = await this.#named()
    const [role] = master === undefined ? [] : ((await command(master, ['ROLE'], 1_000)) as Reply[])
    return role === 'master' ? master : undefined
  }
}

/** The replies of those that reply: lists, all of them. */
async function askAll(servers: readonly RedisServer[], words: readonly string[]): Promise<Reply[][]> {
  const replies = await Promise.allSettled(servers.map((server) => command(server, words, 1_000)))
  return replies.flatMap((reply) => (reply.status === 'fulfilled' ? [reply.value as Reply[]] : []))
}

/** Redis writes a record as a list of names and values in turn. */
function record(reply: Reply[]): Map<unknown, unknown> {
  return new Map(reply.flatMap((name, i) => (i % 2 === 0 ? [[name, reply[i + 1]] as const] : [])))
}
