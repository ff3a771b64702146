import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Program, Table } from '../program.js'
import { median } from '../statistics.js'
import { CLIENTS, type ClientName, type Measured, type Order } from './client.js'

const CALLERS = [1, 8, 64, 512]
const ROUNDS = { full: 5, quick: 3 }
const SLICE = { full: 400, quick: 100 }

/** Many callers of one process, each of whom asks for another key as soon as it has been answered. */
export const redisCallers: Program = {
  name: 'redis-callers',
  about: 'throughput, event-loop delay and bytes on the wire at 1, 8, 64 and 512 callers',
  isLong: true,
  async run({ redisUrl, quick, progress }) {
    const [rounds, slice] = quick ? [ROUNDS.quick, SLICE.quick] : [ROUNDS.full, SLICE.full]
    const found = new Map<string, Measured[]>()
    const workers = new Map<ClientName, Worker>()
    try {
      for (const name of CLIENTS) workers.set(name, await Worker.start(name, redisUrl))
      for (let round = 0; round < rounds; round++) {
        progress(round / rounds, `round ${round + 1} of ${rounds}`)
        // In turns, so that what the machine does meanwhile falls on all of them.
        for (const callers of CALLERS) {
          for (const [name, worker] of workers) {
            const measured = await worker.measure({ callers, duration: slice })
            const key = keyOf(name, callers)
            found.set(key, [...(found.get(key) ?? []), measured])
          }
        }
      }
    } finally {
      for (const worker of workers.values()) worker.stop()
    }
    return { tables: [tableOf(found)], bounds: [], complaints: [] }
  },
}

function tableOf(found: ReadonlyMap<string, readonly Measured[]>): Table {
  const of = (name: ClientName, callers: number, what: keyof Measured): number =>
    median((found.get(keyOf(name, callers)) ?? []).map((measured) => measured[what]))
  const rows = CALLERS.flatMap((callers) =>
    CLIENTS.map((name) => [
      callers,
      name,
      Math.round(of(name, callers, 'throughput') / 1_000),
      `${(of(name, callers, 'throughput') / of('ioredis', callers, 'throughput')).toFixed(2)}x`,
      of(name, callers, 'delay').toFixed(1),
      Math.round(of(name, callers, 'written')),
      Math.round(of(name, callers, 'read')),
    ]),
  )
  return {
    title: 'Gets of 200 B from Redis by many callers of one process',
    columns: ['callers', '', 'thousand/s', 'of ioredis', 'event-loop delay p99, ms', 'bytes sent', 'bytes received'],
    rows,
    note: 'Medians of rounds that take turns; ioredis parses JSON as the cache does. Bytes are per get, on the wire.',
  }
}

function keyOf(name: ClientName, callers: number): string {
  return `${name} x${callers}`
}

class Worker {
  readonly #child: ReturnType<typeof fork>

  private constructor(child: ReturnType<typeof fork>) {
    this.#child = child
  }

  static async start(name: ClientName, redisUrl: string): Promise<Worker> {
    const child = fork(new URL('./callers-process.js', import.meta.url), [name, redisUrl])
    await answerOf(child)
    return new Worker(child)
  }

  measure(order: Order): Promise<Measured> {
    this.#child.send(order)
    return answerOf(this.#child) as Promise<Measured>
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect()
  }
}

async function answerOf(child: ReturnType<typeof fork>): Promise<unknown> {
  const ended = new AbortController()
  const { signal } = ended
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([answer]) => answer),
      once(child, 'exit', { signal }).then(([code]) => {
        throw new Error(`a process of 'redis-callers' ended with exit code ${code}`)
      }),
    ])
  } finally {
    ended.abort()
  }
}
