import { once } from 'node:events'
import { type RedisCluster, startCluster } from '@otel-cache/test-servers'
import { Cluster, type ClusterOptions } from 'ioredis'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { openCache } from '../../../src/cache.js'
import { TurnClock } from '../../../src/clock.js'
import type { Cache, CacheOptions } from '../../../src/index.js'
import { newGenerationId } from '../../../src/redis/generation-id.js'
import { CLAIM, NOTE_AND_CLAIM, type Script } from '../../../src/redis/scripts.js'
import { freshName, makeCache } from '../../support/caches.js'
import { type Collected, makeProvider } from '../../support/metrics.js'
import { connect, IOREDIS, type RedisClient } from '../../support/redis.js'
import { until } from '../../support/until.js'

/** What is used of a client or a Cluster here. */
type Sender = { callBuffer(...args: never[]): Promise<unknown> }

/** What a cache sends through its client, and a way to hold replies back. The channel has connections of its own. */
class Spy {
  /** Commands that have been answered, in that order. */
  readonly answered: Array<readonly string[]> = []
  /** Held for every command for which this is true, until the gate opens. */
  #isHeld: (command: readonly string[]) => boolean = () => false
  #gate: Promise<void> = Promise.resolve()
  /** Replies that have come and are held. */
  held = 0

  constructor(client: object) {
    const sender = client as Sender
    const send = sender.callBuffer.bind(sender) as (...args: unknown[]) => Promise<unknown>
    const spied = async (...args: unknown[]): Promise<unknown> => {
      const command = args.map(String)
      const holds = this.#isHeld(command)
      try {
        return await send(...args)
      } finally {
        if (holds) {
          this.held += 1
          await this.#gate
        }
        this.answered.push(command)
      }
    }
    Object.defineProperty(client, 'callBuffer', { value: spied })
  }

  /** How many commands of a name, or scripts, have been answered. */
  count(name: string | Script): number {
    return this.answered.filter(([command, script]) =>
      typeof name === 'string' ? command === name : script === name.sha || script === name.source,
    ).length
  }

  get claims(): number {
    return this.count(CLAIM) + this.count(NOTE_AND_CLAIM)
  }

  /** Replies to such commands arrive when the function returned is called. */
  hold(isHeld: (command: readonly string[]) => boolean): () => void {
    this.#isHeld = isHeld
    let open!: () => void
    this.#gate = new Promise((resolve) => {
      open = resolve
    })
    return () => {
      this.#isHeld = () => false
      open()
    }
  }
}

/** One process of a fleet. */
export interface Process<Client = RedisClient> {
  readonly cache: Cache
  readonly client: Client
  readonly spy: Spy
  readonly metrics: () => Promise<Collected>
}

type Opener = (options: CacheOptions) => Cache

const [{ Client }] = IOREDIS

async function start<Client extends object>(
  client: Client,
  options: Partial<CacheOptions> & { name: string },
  open: Opener,
): Promise<Process<Client>> {
  const { provider, cumulative } = makeProvider()
  const spy = new Spy(client)
  const redis = client as unknown as NonNullable<CacheOptions['redis']>
  // A noisy machine is no failure of Redis.
  const cache = open({ redisTimeout: 10_000, meterProvider: provider, jitter: 0, ...options, redis })
  await cache.ready()
  return { cache, client, spy, metrics: () => cumulative.read() }
}

/** One more process over a server, for a cache of this name. */
export async function processOn(
  server: { readonly port: number },
  options: Partial<CacheOptions> & { name: string },
  open: Opener = makeCache,
): Promise<Process> {
  return start(await connect(Client, server), options, open)
}

/** Two processes of one fleet: caches of one name, each on a client of its own, and both hear. */
export async function twoOn(
  server: { readonly port: number },
  options: Partial<CacheOptions> = {},
  open?: Opener,
): Promise<{ name: string; a: Process; b: Process }> {
  const name = options.name ?? freshName()
  const a = await processOn(server, { ...options, name }, open)
  const b = await processOn(server, { ...options, name }, open)
  return { name, a, b }
}

/** What Redis holds, as a process sees it that has seen nothing before. */
export async function inRedis(
  server: { readonly port: number },
  name: string,
  key: string,
  options: Partial<CacheOptions> = {},
): Promise<unknown> {
  const reader = await processOn(server, { name, ...options, memory: false })
  return reader.cache.get(key)
}

/**
 * Caches whose waiters never look by themselves: only a message wakes them. `looks` counts how often one would have set
 * its timer, so that a test knows that somebody waited.
 */
export function withoutLooks(): { open: Opener; readonly looks: number } {
  /** As src/redis/waiters.ts has it, with a channel. */
  const LOOK = 400
  let looks = 0
  const open = (options: CacheOptions): Cache => {
    const clock = new TurnClock()
    const after = clock.after.bind(clock)
    clock.after = (delay, action) => {
      if (delay !== LOOK) return after(delay, action)
      looks += 1
      return () => {}
    }
    const cache = openCache(options, { clock, random: Math.random, newId: newGenerationId })
    onTestFinished(async () => void (await cache.close()))
    return cache
  }
  return {
    open,
    get looks() {
      return looks
    },
  }
}

/** The process waits for another's load: it has found the lease taken, and looked once more since it began to wait. */
export async function waits({ spy }: Process<object>, before = 0): Promise<void> {
  await until(() => spy.claims >= before + 2, 'a waiter')
}

/** A Redis Cluster for the tests of a file or of a `describe`. */
export function useCluster(): {
  readonly servers: RedisCluster
  process(
    options: Partial<CacheOptions> & { name: string },
    ofClient?: Pick<ClusterOptions, 'keyPrefix' | 'maxRedirections' | 'retryDelayOnTryAgain' | 'scaleReads'>,
  ): Promise<Process<Cluster>>
} {
  let servers: RedisCluster | undefined
  beforeAll(async () => {
    servers = await startCluster()
  })
  afterAll(() => servers?.stop())
  return {
    get servers() {
      return servers as RedisCluster
    },
    async process(options, ofClient = {}) {
      const client = new Cluster(servers?.address ?? [], ofClient)
      client.on('error', () => {})
      onTestFinished(() => client.disconnect())
      await once(client, 'ready')
      return start(client, options, makeCache)
    },
  }
}
