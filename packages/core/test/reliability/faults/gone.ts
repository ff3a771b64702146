import { setTimeout as pause } from 'node:timers/promises'
import type { Fault } from '../fault.js'

/** The connection ends, or is never made. */
export const GONE: readonly Fault[] = [
  {
    name: 'Redis is killed (SIGKILL) and starts again, empty',
    clients: ['ioredis 6', 'ioredis 5', 'enableOfflineQueue: false', 'enableAutoPipelining: true'],
    begin: ({ server }) => server.kill('SIGKILL'),
    end: ({ server }) => server.restart(),
    owed: { breaker: 'opens', error: 'connection', orErrors: ['timeout'], set: false, delete: false },
  },
  {
    name: 'connections are reset, and new ones refused',
    behind: 'proxy',
    clients: ['ioredis 6', 'ioredis 5'],
    begin: ({ proxy }) => proxy.set({ kind: 'reset' }),
    end: ({ proxy }) => proxy.heal(),
    owed: { breaker: 'opens', error: 'connection', orErrors: ['timeout'], set: false, delete: false },
  },
  {
    name: 'connections are reset every 200 ms',
    behind: 'proxy',
    again: 200,
    begin: ({ proxy }) => proxy.drop(),
    end: () => {},
    owed: { breaker: 'may open', orErrors: ['connection', 'timeout'] },
  },
  {
    name: 'replies end in the middle: the connection is closed every 200 ms',
    behind: 'proxy',
    again: 200,
    begin: ({ proxy }) => proxy.set({ kind: 'truncate', after: 3, by: 'close' }, 'open'),
    end: ({ proxy }) => proxy.heal(),
    owed: { breaker: 'may open', orErrors: ['connection', 'timeout'] },
  },
  {
    name: 'replies end in the middle: the connection is reset every 200 ms',
    behind: 'proxy',
    again: 200,
    begin: ({ proxy }) => proxy.set({ kind: 'truncate', after: 3, by: 'reset' }, 'open'),
    end: ({ proxy }) => proxy.heal(),
    owed: { breaker: 'may open', orErrors: ['connection', 'timeout'] },
  },
  {
    name: 'the connection is half-closed by Redis every 200 ms',
    behind: 'proxy',
    again: 200,
    begin: ({ proxy }) => proxy.set({ kind: 'half-close', direction: 'replies' }, 'open'),
    end: ({ proxy }) => proxy.heal(),
    owed: { breaker: 'may open', orErrors: ['connection', 'timeout'] },
  },
  {
    name: 'the connection is half-closed towards Redis every 200 ms',
    behind: 'proxy',
    again: 200,
    begin: ({ proxy }) => proxy.set({ kind: 'half-close', direction: 'requests' }, 'open'),
    end: ({ proxy }) => proxy.heal(),
    owed: { breaker: 'may open', orErrors: ['connection', 'timeout'] },
  },
  {
    name: 'commands on an old connection reach Redis after the client has taken a new one',
    behind: 'proxy',
    clients: ['ioredis 6', 'ioredis 5'],
    again: 400,
    begin: async ({ proxy, client }) => {
      proxy.set({ kind: 'black-hole', direction: 'requests' }, 'open')
      await pause(130)
      // What was held is let go only at the end: all at once, long after its senders gave up and others were confirmed.
      client?.stream.destroy()
    },
    end: ({ proxy }) => proxy.heal(),
    owed: { breaker: 'may open', error: 'timeout', orErrors: ['connection'] },
  },
  {
    name: 'the process starts while nobody listens on the port, and Redis comes later',
    fromStart: true,
    clients: ['ioredis 6', 'ioredis 5', 'enableOfflineQueue: false'],
    begin: ({ server }) => server.kill('SIGKILL'),
    end: ({ server }) => server.restart(),
    owed: { breaker: 'stays closed', error: 'connection', set: false, delete: false },
  },
  {
    name: 'the process starts while the network swallows everything, and Redis comes later',
    behind: 'proxy',
    fromStart: true,
    begin: ({ proxy }) => proxy.set({ kind: 'black-hole' }),
    end: ({ proxy }) => proxy.heal(),
    owed: { breaker: 'stays closed', error: 'timeout', orErrors: ['connection'], set: false, delete: false },
  },
]
