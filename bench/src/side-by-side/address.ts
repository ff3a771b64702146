import type { Setting } from '../peers/peer.js'

/** What peers connect to: not all of them take a URL. */
export function addressOf(redisUrl: string): Setting['redis'] {
  const { hostname, port } = new URL(redisUrl)
  return { host: hostname, port: Number(port) }
}
