import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { serve } from '../child.js'
import type { Setting } from '../peers/peer.js'

/** Milliseconds that bytes are under way in one direction. */
const ONE_WAY = 0.5

interface UnderWay {
  readonly arrives: number
  readonly bytes: Buffer
  readonly to: Socket
}

/** In the order of their arrival, for all take the same time. */
const underWay: UnderWay[] = []

/**
 * A distance to Redis: what is sent arrives later, and nothing waits for what was sent before it. Timers have whole
 * milliseconds, so it looks at the clock again and again while something is under way: it wants a processor.
 */
const tasks = {
  /** Resolves to where Redis is to be found at that distance. */
  async open(redis: Setting['redis']): Promise<Setting['redis']> {
    const server = createServer({ noDelay: true }, (client) => {
      const behind = connect({ ...redis, noDelay: true })
      for (const [from, to] of [
        [client, behind],
        [behind, client],
      ] as const) {
        from.on('data', (bytes) => send(bytes, to))
        from.on('error', () => {})
        from.on('close', () => to.destroy())
      }
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  },
}

export type DistanceTasks = typeof tasks

function send(bytes: Buffer, to: Socket): void {
  underWay.push({ arrives: performance.now() + ONE_WAY, bytes, to })
  if (underWay.length === 1) setImmediate(deliver)
}

function deliver(): void {
  const now = performance.now()
  while (underWay[0] !== undefined && underWay[0].arrives <= now) {
    const { bytes, to } = underWay.shift() as UnderWay
    if (to.writable) to.write(bytes)
  }
  if (underWay.length > 0) setImmediate(deliver)
}

serve(tasks)
