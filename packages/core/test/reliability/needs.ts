/** What the cache asks of Redis: nothing else is needed, and none of it can be left out. */
export const COMMANDS: readonly string[] = [
  ...['ping', 'mget', 'get', 'del', 'time', 'evalsha', 'eval'],
  // Inside the scripts.
  ...['set', 'pttl', 'pexpire', 'persist', 'publish'],
]

/** For the invalidation channel: without them memory is believed for `maxStaleness` only. */
export const COMMANDS_OF_CHANNEL: readonly string[] = ['client|id', 'client|tracking', 'subscribe']

/** To make sure that the channel reaches the same server; in a Cluster, that it reaches every master. */
export const COMMANDS_OF_TOPOLOGY: readonly string[] = ['info', 'cluster|myid', 'cluster|nodes']

/** On which Redis tells of changes, and on which leases are told that were given back. */
export function channelsOf(keyPrefix: string): string[] {
  return ['__redis__:invalidate', `${keyPrefix}l:`]
}

/** For `clear({ purge: true })` alone. */
export const COMMANDS_OF_PURGE: readonly string[] = ['scan', 'unlink']

/** What ioredis asks by itself, to know whether Redis is ready. */
export const COMMANDS_OF_IOREDIS: readonly string[] = ['info']

/** And in a Cluster: who has which slots, and while they move. */
export const COMMANDS_OF_IOREDIS_CLUSTER: readonly string[] = ['cluster|slots', 'cluster|info', 'asking']

/** A user that may do this and nothing else, under the keys that begin so. */
export function aclLine(keyPrefix: string): string[] {
  const ofClient = [...COMMANDS_OF_IOREDIS, ...COMMANDS_OF_IOREDIS_CLUSTER]
  const all = [COMMANDS, COMMANDS_OF_CHANNEL, COMMANDS_OF_TOPOLOGY, COMMANDS_OF_PURGE, ofClient]
  const commands = new Set(all.flat())
  return [
    `~${keyPrefix}*`,
    ...channelsOf(keyPrefix).map((channel) => `&${channel}`),
    ...[...commands].map((name) => `+${name}`),
  ]
}
