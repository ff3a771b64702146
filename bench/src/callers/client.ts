/** What is asked: bare clients, and the cache on one, without and with a meter provider. */
export const CLIENTS = ['ioredis', 'ioredis, auto-pipelining', 'otel-cache', 'otel-cache, metered'] as const

export type ClientName = (typeof CLIENTS)[number]

export interface Order {
  readonly callers: number
  /** Milliseconds. */
  readonly duration: number
}

export interface Measured {
  /** Gets a second. */
  readonly throughput: number
  /** Of the event loop, the 99th percentile in milliseconds. */
  readonly delay: number
  /** Bytes a get, to Redis and from it. */
  readonly written: number
  readonly read: number
}
