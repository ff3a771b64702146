import type { Word } from '@otel-cache/test-servers'
import type { Beginning, Fault, Owed } from '../fault.js'

/** Replaces every key of the pattern, in one step each, by what the command makes of it. */
async function plant({ admin }: Beginning, pattern: string, make: (name: string) => readonly Word[]): Promise<void> {
  const names = (await admin('KEYS', pattern)) as string[]
  for (const name of names) {
    const words = make(name)
    // A value of another type does not replace a string.
    await admin('EVAL', "redis.call('DEL', KEYS[1]) return redis.call(unpack(ARGV))", 1, name, ...words)
  }
}

let seed = 4

/** The same bytes in every run. */
function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed >>> 24
  })
}

function garbage(
  name: string,
  replies: string | Uint8Array,
  owed: Partial<Owed> = { set: false, delete: false },
): Fault {
  return {
    name: `replies are garbage: ${name}`,
    behind: 'proxy',
    begin: ({ proxy }) => proxy.set({ kind: 'garbage', bytes: replies }),
    end: ({ proxy }) => {
      proxy.heal()
      // Which reply belongs to which command is anybody's guess on such a connection.
      proxy.drop()
    },
    owed: { breaker: 'may open', orErrors: ['other', 'connection', 'timeout', 'undecodable'], ...owed },
  }
}

/** Redis, or who speaks for it, gives back what nobody has stored. */
export const CONTENTS: readonly Fault[] = [
  {
    name: 'keys hold another type (`WRONGTYPE`)',
    again: 100,
    begin: (world) => plant(world, '*v:*', (name) => ['RPUSH', name, 'a', 'b']),
    end: () => {},
    owed: { breaker: 'stays closed', set: true, delete: true, hits: true },
  },
  {
    name: "the cache's own bookkeeping holds another type",
    again: 100,
    begin: (world) => plant(world, '*g:*', (name) => ['RPUSH', name, 'a', 'b']),
    end: () => {},
    owed: { breaker: 'stays closed', set: true, delete: true, hits: true },
  },
  {
    name: 'values are random bytes',
    clients: ['ioredis 6', 'ioredis 5'],
    again: 100,
    begin: (world) => plant(world, '*v:*', (name) => ['SET', name, bytes(64)]),
    end: () => {},
    owed: { breaker: 'stays closed', error: 'undecodable', set: true, delete: true, hits: true },
  },
  {
    name: 'values are cut short',
    again: 100,
    begin: async (world) => {
      const value = String(await world.admin('GET', ((await world.admin('KEYS', '*v:*')) as string[])[0] ?? ''))
      await plant(world, '*v:*', (name) => ['SET', name, value.slice(0, -1 - ((bytes(1)[0] ?? 0) % 60))])
    },
    end: () => {},
    owed: { breaker: 'stays closed', error: 'undecodable', set: true, delete: true, hits: true },
  },
  {
    name: 'Redis loses everything, again and again (`FLUSHALL`)',
    again: 100,
    begin: ({ admin }) => admin('FLUSHALL'),
    end: () => {},
    owed: { breaker: 'stays closed', set: true, delete: true, hits: true },
  },
  garbage('random bytes', bytes(40)),
  // To a delete that is a good answer.
  garbage('a number', ':1\r\n', {}),
  garbage('a word', '+OK\r\n'),
  garbage('nothing', '$-1\r\n'),
  garbage('an empty list', '*0\r\n'),
  garbage('a list of lists', '*2\r\n*0\r\n*0\r\n'),
]
