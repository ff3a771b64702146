/** What the cache asks of Redis: nothing else is needed, and none of it can be left out. */
export const COMMANDS: readonly string[] = [
  ...['ping', 'mget', 'get', 'del', 'time', 'evalsha', 'eval'],
  // Inside the scripts.
  ...['set', 'pttl', 'pexpire', 'persist'],
]

/** For `clear({ purge: true })` alone. */
export const COMMANDS_OF_PURGE: readonly string[] = ['scan', 'unlink']

/** What ioredis asks by itself, to know whether Redis is ready. */
export const COMMANDS_OF_IOREDIS: readonly string[] = ['info']

/** A user that may do this and nothing else, under the keys that begin so. */
export function aclLine(keyPrefix: string): string[] {
  const commands = [...COMMANDS, ...COMMANDS_OF_PURGE, ...COMMANDS_OF_IOREDIS]
  return [`~${keyPrefix}*`, ...commands.map((name) => `+${name}`)]
}
