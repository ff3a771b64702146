import type { FaultProxy, RedisCluster, RedisServer, SentinelSet } from '@otel-cache/test-servers'
import type { RedisOptions } from 'ioredis'
import type { Cache } from '../../src/index.js'
import type { ErrorType } from '../../src/outcome.js'
import type { RedisClient } from '../support/redis.js'

/** What a fault is done to. */
export interface World {
  readonly server: RedisServer
  /** Between the client and the server, for faults that are `behind` it. */
  readonly proxy: FaultProxy
  /** What the server belongs to, for faults that are `behind` it. The server is the master of the beginning. */
  readonly sentinel: SentinelSet
  /** The same, for faults that are `behind` a Cluster. The server is its first master. */
  readonly cluster: RedisCluster
  readonly client: RedisClient
  readonly cache: Cache
  /** The cache's. */
  readonly name: string
  /** Sends a command to the server past the client and the proxy. */
  readonly admin: RedisServer['command']
}

/** At the beginning of a fault there may be no client yet. */
export type Beginning = Omit<World, 'client' | 'cache'> & Partial<Pick<World, 'client' | 'cache'>>

/** The clients that applications bring. */
export type ClientName = 'ioredis 6' | 'ioredis 5' | 'enableOfflineQueue: false' | 'enableAutoPipelining: true'

/** One row of the suite: what happens, and what callers are owed meanwhile. */
export interface Fault {
  /** In the words of the document. */
  readonly name: string
  /** The client talks to the server through a fault proxy, finds it by Sentinels, or is a Cluster's. */
  readonly behind?: 'proxy' | 'sentinel' | 'cluster'
  /** Default: ioredis 6 as an application makes it. */
  readonly clients?: readonly ClientName[]
  /** Of the server. */
  readonly args?: readonly string[]
  readonly clientOptions?: RedisOptions
  /** It leaves nothing else running in this process: no other fault is tried beside it. */
  readonly alone?: true
  /** It has begun before the client is made. */
  readonly fromStart?: boolean
  /** Longer than any wait that is allowed: who waits for its end is found out. Milliseconds. */
  readonly lasts?: number
  /** It begins again every so many milliseconds. Default: once. */
  readonly again?: number
  begin(world: Beginning): unknown
  end(world: World): unknown
  readonly owed: Owed
}

/** What callers are owed beyond what they always are: see `promises.ts`. */
export interface Owed {
  readonly breaker: 'opens' | 'stays closed' | 'may open'
  /** What is counted. */
  readonly error?: ErrorType
  /** What may be counted beside it, as chance will have it. */
  readonly orErrors?: readonly ErrorType[]
  /** Whether what is asked and answered meanwhile is confirmed. Default: either. */
  readonly set?: boolean
  readonly delete?: boolean
  /** Redis goes on answering hits. */
  readonly hits?: true
  /** Redis itself may lose what it has confirmed. */
  readonly forgets?: true
}
