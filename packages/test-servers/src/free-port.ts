import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** A TCP port of 127.0.0.1 that was free a moment ago. Whoever binds it must be ready to find it taken. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(address)))
    })
  })
}

/** A server could not start because its port is in use. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError'
}

/** Starts something on a free port, and again on another one when the port was taken meanwhile. */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort())
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === 5) throw error
      await pause(attempt * 10)
    }
  }
}
