import type { Fault } from '../fault.js'

/** A Sentinel set: what the old master has confirmed, and not yet told its replica, is lost by Redis. */
export const FAILING_OVER: readonly Fault[] = [
  {
    name: 'the master is killed, and Sentinel chooses another',
    behind: 'sentinel',
    clients: ['ioredis 6', 'ioredis 5'],
    begin: ({ server }) => server.kill('SIGKILL'),
    end: ({ sentinel, server }) => sentinel.masterAfter(server),
    owed: { breaker: 'opens', error: 'connection', orErrors: ['timeout', 'readonly'], forgets: true },
  },
  {
    name: 'the master is stopped (SIGSTOP), and Sentinel chooses another',
    behind: 'sentinel',
    // Without it ioredis stays with a master that hangs.
    clientOptions: { failoverDetector: true },
    begin: ({ server }) => server.kill('SIGSTOP'),
    end: async ({ sentinel, server }) => {
      await sentinel.masterAfter(server)
      await server.kill('SIGCONT')
    },
    owed: { breaker: 'opens', error: 'timeout', orErrors: ['connection', 'readonly'], forgets: true },
  },
  {
    name: 'Sentinel is told to choose another master',
    behind: 'sentinel',
    begin: ({ sentinel }) => sentinel.sentinels[0]?.command('SENTINEL', 'FAILOVER', sentinel.address.name),
    end: ({ sentinel }) => sentinel.failedOver(),
    owed: { breaker: 'may open', orErrors: ['connection', 'timeout', 'readonly'], forgets: true },
  },
]
