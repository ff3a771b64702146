import { readFileSync } from 'node:fs'
import { startRedis } from '@otel-cache/test-servers'
import { Redis } from 'ioredis'
import { Fleet } from './fleet.js'
import { CACHE_NAME } from './layout.js'
import { round } from './statistics.js'

/** What broadcast mode costs where others write much and this fleet reads nothing: shares of one processor, 0 to 1. */
export interface Traffic {
  readonly processes: number
  readonly writesPerSecond: number
  /** Of the busiest process. */
  readonly process: number
  readonly redis: number
}

const TICK = 10
const TICKS_PER_SECOND = 100

/** Idle processes, and a client that writes under their prefix. Of the CPU times that Linux keeps. */
export async function measureTraffic(seed: number, core?: string): Promise<Traffic> {
  const [processes, wanted, seconds] = [8, 10_000, 8]
  const server = await startRedis()
  let fleet: Fleet | undefined
  const writer = new Redis({ host: server.host, port: server.port })
  try {
    const target = { host: server.host, port: server.port }
    fleet = await Fleet.start({ size: processes, seed, target, cache: {}, core })
    const redis = Number(/process_id:(\d+)/.exec(await writer.info('server'))?.[1])
    const pids = [...fleet.members.map(({ pid }) => pid), redis]
    const before = pids.map(cpuOf)
    const started = performance.now()
    let written = 0
    while (performance.now() - started < seconds * 1_000) {
      const due = Math.min(((performance.now() - started) / 1_000) * wanted, seconds * wanted) - written
      const pipeline = writer.pipeline()
      for (let index = 0; index < due; index++) pipeline.set(`${CACHE_NAME}:v:{${(written + index) % 1_000}}`, 'x')
      written += Math.max(0, Math.ceil(due))
      await pipeline.exec()
      await new Promise((resolve) => setTimeout(resolve, TICK))
    }
    const elapsed = (performance.now() - started) / 1_000
    const shares = pids.map((pid, index) => round((cpuOf(pid) - (before[index] as number)) / elapsed))
    return {
      processes,
      writesPerSecond: Math.round(written / elapsed),
      process: Math.max(...shares.slice(0, processes)),
      redis: shares[processes] as number,
    }
  } finally {
    writer.disconnect()
    await fleet?.stop()
    await server.stop()
  }
}

/** In seconds, user and system. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
