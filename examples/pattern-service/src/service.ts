import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Cache, type CacheOptions, createCache } from '@otel-cache/core'
import { startPrometheusExporter } from '@otel-cache/exporter'
import { InvalidPatternError, parsePattern } from './pattern.js'
import { search } from './search.js'

const HOST = '127.0.0.1'
const TEN_MINUTES = 10 * 60 * 1000

/** Without `redis` the cache is in memory only. */
export interface PatternServiceOptions extends Pick<CacheOptions, 'redis' | 'keyPrefix'> {
  readonly port: number
  readonly metricsPort: number
}

export interface PatternService {
  readonly url: string
  readonly metricsUrl: string
  readonly cache: Cache
  close(): Promise<void>
}

/** `GET /patterns?q=…` on one port, the metrics of its cache on another. */
export async function startPatternService(options: PatternServiceOptions): Promise<PatternService> {
  const { port, metricsPort, ...cacheOptions } = options
  const exporter = await startPrometheusExporter({ host: HOST, port: metricsPort })
  const cache = createCache({
    name: 'patterns',
    ttl: TEN_MINUTES,
    meterProvider: exporter.meterProvider,
    ...cacheOptions,
  })
  const server = createServer(async (request, response) => {
    const { status, body } = await answer(request, cache)
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
  })
  const close = async (): Promise<void> => {
    await closeServer(server)
    await cache.close()
    await exporter.close()
  }

  try {
    await once(server.listen(port, HOST), 'listening')
  } catch (error) {
    await close()
    throw error
  }
  const url = `http://${HOST}:${(server.address() as AddressInfo).port}`
  return { url, metricsUrl: exporter.url, cache, close }
}

interface Answer {
  readonly status: number
  readonly body: object
}

async function answer(request: IncomingMessage, cache: Cache): Promise<Answer> {
  const [path, query] = splitTarget(request.url ?? '')
  if (request.method !== 'GET' || path !== '/patterns') {
    return { status: 404, body: { error: 'Not found: ask for GET /patterns?q=colo*r' } }
  }

  try {
    const pattern = parsePattern(new URLSearchParams(query).get('q'))
    return { status: 200, body: await cache.getOrSet(pattern, () => search(pattern)) }
  } catch (error) {
    if (error instanceof InvalidPatternError) return { status: 400, body: { error: error.message } }
    console.error(error)
    return { status: 500, body: { error: 'The search failed' } }
  }
}

/** By hand, since a `?` is also a wildcard in the query, and since `new URL` throws on some targets. */
function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf('?')
  return mark === -1 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)]
}

/** Lets running requests end, but does not wait for long. */
async function closeServer(server: Server): Promise<void> {
  setTimeout(() => server.closeAllConnections(), 1000).unref()
  await new Promise((resolve) => server.close(resolve))
}
