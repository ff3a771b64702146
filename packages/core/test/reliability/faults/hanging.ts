import { setTimeout as pause } from 'node:timers/promises'
import { turn } from '../../support/fake-clock.js'
import { stall } from '../../support/stall.js'
import type { Fault } from '../fault.js'

/** Redis takes what is sent and says nothing, or seems so. */
export const HANGING: readonly Fault[] = [
  {
    name: 'Redis is stopped (SIGSTOP) and goes on',
    clients: ['ioredis 6', 'ioredis 5', 'enableOfflineQueue: false', 'enableAutoPipelining: true'],
    begin: ({ server }) => server.kill('SIGSTOP'),
    end: ({ server }) => server.kill('SIGCONT'),
    owed: { breaker: 'opens', error: 'timeout', set: false, delete: false },
  },
  {
    name: 'Redis is busy (`DEBUG SLEEP`)',
    args: ['--enable-debug-command', 'local'],
    begin: async ({ admin }) => {
      admin('DEBUG', 'SLEEP', 1.7).catch(() => {})
      while (await Promise.race([admin('PING'), pause(50)]));
    },
    end: ({ admin }) => admin('PING'),
    owed: { breaker: 'opens', error: 'timeout', set: false, delete: false },
  },
  {
    name: 'the network swallows everything, and delivers it later',
    behind: 'proxy',
    clients: ['ioredis 6', 'ioredis 5', 'enableAutoPipelining: true'],
    begin: ({ proxy }) => proxy.set({ kind: 'black-hole' }),
    end: ({ proxy }) => proxy.heal(),
    owed: { breaker: 'opens', error: 'timeout', set: false, delete: false },
  },
  {
    name: 'the network swallows everything, and resets the connection',
    behind: 'proxy',
    begin: ({ proxy }) => proxy.set({ kind: 'black-hole', bytes: 'lost' }),
    end: ({ proxy }) => {
      proxy.heal()
      proxy.drop()
    },
    // The invalidation channel is reset before its PING is missed.
    owed: { breaker: 'opens', error: 'timeout', orErrors: ['connection'], set: false, delete: false },
  },
  {
    name: 'replies stop in the middle, and go on later',
    behind: 'proxy',
    begin: ({ proxy }) => proxy.set({ kind: 'truncate', after: 1, by: 'stall' }),
    end: ({ proxy }) => proxy.heal(),
    owed: { breaker: 'opens', error: 'timeout', set: false, delete: false },
  },
  {
    name: 'replies take 300 ms, longer than `redisTimeout`',
    behind: 'proxy',
    begin: ({ proxy }) => proxy.set({ kind: 'delay', ms: 300, direction: 'replies' }),
    end: ({ proxy }) => proxy.heal(),
    // Its probes are answered, late: the breaker closes and opens again. What timed out may have been done.
    owed: { breaker: 'opens', error: 'timeout', set: false, delete: false },
  },
  {
    name: 'replies take 10 ms, less than `redisTimeout`',
    behind: 'proxy',
    begin: ({ proxy }) => proxy.set({ kind: 'delay', ms: 10, direction: 'replies' }),
    end: ({ proxy }) => proxy.heal(),
    owed: { breaker: 'stays closed', set: true, delete: true, hits: true },
  },
  {
    name: 'the process itself stalls for 150 ms, again and again',
    clients: ['ioredis 6', 'ioredis 5', 'enableAutoPipelining: true'],
    alone: true,
    again: 200,
    begin: async ({ cache }) => {
      // After a stall here the loop runs its timers first, and only then looks at what has arrived.
      await turn()
      // More callers than it takes to open the breaker, beside the others; this call counts nothing.
      for (let caller = 0; caller < 16; caller++) cache?.has(`absent-${caller}`)
      // They are on their way a few microtasks later.
      for (let step = 0; step < 20; step++) await undefined
      stall(150)
    },
    end: () => {},
    owed: { breaker: 'stays closed', set: true, delete: true, hits: true },
  },
]
