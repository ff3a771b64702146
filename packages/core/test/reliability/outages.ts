import type { World } from './fault.js'

type Servers = Pick<World, 'server' | 'proxy'>

/** What lasts for ten minutes. */
export const OUTAGES: ReadonlyArray<{
  readonly outage: string
  readonly begin: (servers: Servers) => unknown
  readonly end: (servers: Servers) => unknown
}> = [
  {
    outage: 'Redis takes what is sent and says nothing',
    begin: ({ proxy }) => proxy.set({ kind: 'black-hole' }),
    end: ({ proxy }) => proxy.heal(),
  },
  {
    outage: 'connections are refused',
    begin: ({ proxy }) => proxy.set({ kind: 'reset' }),
    end: ({ proxy }) => proxy.heal(),
  },
]
