import { once } from 'node:events'
import { type RedisServer, startRedis } from '@otel-cache/test-servers'
import { Redis as Redis6, type RedisOptions } from 'ioredis'
import { Redis as Redis5 } from 'ioredis5'
import { afterAll, beforeAll, onTestFinished } from 'vitest'

export type RedisClient = Redis6

/** Both living lines of ioredis. To these tests they are one type; types.test.ts holds them apart. */
export const IOREDIS = [
  { ioredis: 'ioredis 6', Client: Redis6 },
  { ioredis: 'ioredis 5', Client: Redis5 as unknown as typeof Redis6 },
] as const

/** One Redis for the tests of a file or of a `describe`. */
export function useRedis(...args: string[]): { readonly server: RedisServer } {
  return useServer(() => startRedis({ args }))
}

/** The same, to be spoken to over TLS. */
export function useTlsRedis(): { readonly server: RedisServer } {
  return useServer(() => startRedis({ tls: true }))
}

function useServer(start: () => Promise<RedisServer>): { readonly server: RedisServer } {
  let server: RedisServer | undefined
  beforeAll(async () => {
    server = await start()
  })
  afterAll(async () => {
    await server?.stop()
  })
  return {
    get server() {
      if (server === undefined) throw new Error('Redis runs between beforeAll and afterAll')
      return server
    },
  }
}

/** A Redis of one test's own, for it to stop and kill. */
export async function ownRedis(...args: string[]): Promise<RedisServer> {
  const server = await startRedis({ args })
  onTestFinished(() => server.stop())
  return server
}

/** A client as an application makes it, until its test ends. Its connection errors are the application's to log. */
export function makeClient(
  Client: typeof Redis6,
  { port }: { readonly port: number },
  options: RedisOptions = {},
): RedisClient {
  const client = new Client({ port, host: '127.0.0.1', retryStrategy: () => 20, ...options } as RedisOptions & {
    replyMapping?: never
  })
  client.on('error', () => {})
  onTestFinished(() => client.disconnect())
  return client
}

/** A client that is connected. */
export async function connect(
  Client: typeof Redis6,
  server: { readonly port: number },
  options: RedisOptions = {},
): Promise<RedisClient> {
  const client = makeClient(Client, server, options)
  if (client.status !== 'ready') await once(client, 'ready')
  return client
}

/** Every key, of every type. */
export async function allKeys(client: RedisClient): Promise<string[]> {
  return (await client.keys('*')).sort()
}
