import { until } from '../../support/until.js'
import type { Beginning, Fault } from '../fault.js'

/** A second of loading, and a bit. */
const SLOW_TO_LOAD = [
  ...['--enable-debug-command', 'local', '--key-load-delay', '20000'],
  ...['--loading-process-events-interval-bytes', '1024', '--rdbcompression', 'no'],
]

async function load({ server, admin }: Beginning): Promise<void> {
  await admin('DEBUG', 'POPULATE', 100, 'filler', 2_000)
  await admin('SAVE')
  server.restart().catch(() => {})
  await until(async () => /LOADING/.test(String(await admin('PING').catch(String))), 'Redis to load')
}

async function loaded({ admin }: Beginning): Promise<void> {
  await until(async () => (await admin('PING').catch(String)) === 'PONG', 'Redis to have loaded')
}

/** Redis answers, and says no. */
export const REFUSING: readonly Fault[] = [
  {
    name: 'Redis is full (`maxmemory` with `noeviction`)',
    clients: ['ioredis 6', 'ioredis 5'],
    begin: ({ admin }) => admin('CONFIG', 'SET', 'maxmemory', 1),
    end: ({ admin }) => admin('CONFIG', 'SET', 'maxmemory', 0),
    owed: { breaker: 'stays closed', error: 'oom', set: false, delete: true, hits: true },
  },
  {
    name: 'Redis has become a replica (`READONLY`)',
    clients: ['ioredis 6', 'ioredis 5'],
    begin: ({ admin }) => admin('REPLICAOF', '127.0.0.1', 1),
    end: ({ admin }) => admin('REPLICAOF', 'NO', 'ONE'),
    owed: {
      breaker: 'stays closed',
      error: 'readonly',
      orErrors: ['connection'],
      set: false,
      delete: false,
      hits: true,
    },
  },
  {
    name: 'the user may not use the commands any more (`NOPERM`)',
    begin: ({ admin }) => admin('ACL', 'SETUSER', 'default', '-mget', '-evalsha', '-eval', '-del'),
    end: ({ admin }) => admin('ACL', 'SETUSER', 'default', '+@all'),
    // Its probes are answered.
    owed: { breaker: 'opens', error: 'auth', set: false, delete: false },
  },
  {
    name: 'the password has been changed, and connections are cut (`WRONGPASS`)',
    args: ['--user', 'app', 'on', '>old', '~*', '&*', '+@all'],
    clientOptions: { username: 'app', password: 'old' },
    begin: async ({ admin }) => {
      await admin('ACL', 'SETUSER', 'app', 'resetpass', '>new')
      await admin('CLIENT', 'KILL', 'USER', 'app')
    },
    end: ({ admin }) => admin('ACL', 'SETUSER', 'app', 'resetpass', '>old'),
    owed: { breaker: 'opens', error: 'connection', orErrors: ['auth', 'timeout'], set: false, delete: false },
  },
  {
    name: 'the process starts while Redis loads its data (`LOADING`)',
    fromStart: true,
    args: SLOW_TO_LOAD,
    clientOptions: { enableReadyCheck: false },
    begin: load,
    end: loaded,
    owed: { breaker: 'may open', error: 'loading', orErrors: ['connection', 'timeout'], set: false, delete: false },
  },
  {
    name: 'the process starts while Redis loads its data, with a client that waits for it',
    fromStart: true,
    args: SLOW_TO_LOAD,
    begin: load,
    end: loaded,
    owed: { breaker: 'stays closed', error: 'connection', orErrors: ['timeout'], set: false, delete: false },
  },
  {
    name: 'Redis forgets all scripts, again and again (`SCRIPT FLUSH`)',
    clients: ['ioredis 6', 'ioredis 5', 'enableAutoPipelining: true'],
    again: 20,
    begin: ({ admin }) => admin('SCRIPT', 'FLUSH'),
    end: () => {},
    owed: { breaker: 'stays closed', set: true, delete: true, hits: true },
  },
]
