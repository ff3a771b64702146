import { startRedis } from '@otel-cache/test-servers'
import { Fleet } from './fleet.js'
import type { Seen, Wrote } from './messages.js'
import { type Distribution, distributionOf } from './statistics.js'

/** How long after a write has returned another process's memory still holds what it replaced. Looked at each millisecond. */
export interface Latency {
  readonly writes: number
  readonly watchers: number
  readonly latency: Distribution
}

export interface LatencyOptions {
  readonly seed: number
  readonly watchers: number
  readonly writes: number
  /** Milliseconds between two writes. */
  readonly pause: number
  readonly core?: string | undefined
}

/** One writer, and watchers who do nothing but look into their memory. */
export async function measureLatency(options: LatencyOptions): Promise<Latency> {
  const { seed, watchers, writes, pause, core } = options
  const server = await startRedis()
  let fleet: Fleet | undefined
  try {
    const target = { host: server.host, port: server.port }
    fleet = await Fleet.start({ size: watchers + 1, seed, target, cache: {}, core })
    const [writer, ...others] = fleet.members
    for (const other of others) other.send({ kind: 'watch', subject: 0 })
    writer?.send({ kind: 'write', subject: 0, times: writes, pause })
    const wrote = await writer?.answer('wrote')
    const stopped = await fleet.stop()
    const latencies = stopped.flatMap(({ seen }) => latenciesOf(seen, wrote?.writes ?? []))
    return { writes, watchers, latency: distributionOf(latencies) }
  } finally {
    await fleet?.end()
    await server.stop()
  }
}

/** For each value that was held when the next one had been written. Gone before the writer knew counts as 0. */
function latenciesOf(seen: readonly Seen[], writes: readonly Wrote[]): readonly number[] {
  const nextOf = new Map(writes.slice(1).map((next, index) => [writes[index]?.value, next]))
  return seen.flatMap(({ value, gone }) => {
    const next = nextOf.get(value)
    return next === undefined ? [] : [Math.max(0, gone - next.at)]
  })
}
