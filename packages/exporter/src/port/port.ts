import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { diag } from '@opentelemetry/api'
import type { Address } from './options.js'

const METRICS_PATH = '/metrics'
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
const PLAIN_TYPE = 'text/plain; charset=utf-8'
/** How long a scrape that is being answered may delay `close()`, in milliseconds. */
const CLOSE_GRACE = 500

/** Serves what `render` returns as `GET /metrics`, and never keeps the process alive for it. */
export class MetricsServer {
  readonly #render: () => Promise<string>
  readonly #server: Server
  #listening: Promise<Address> | undefined
  #closed: Promise<void> | undefined

  constructor(render: () => Promise<string>) {
    this.#render = render
    this.#server = createServer((request, response) => void this.#answer(request, response))
    // A scraper keeps its connection open between two scrapes: that too must not hold the process.
    this.#server.unref().on('connection', (socket) => socket.unref())
  }

  /** Resolves to the real address once the port is open; rejects with the operating system's error. */
  listen({ host, port }: Address): Promise<Address> {
    this.#listening ??= new Promise((resolve, reject) => {
      // Exclusive: workers of a `node:cluster` would otherwise answer the same port in turn, and every counter jump.
      this.#server.once('error', reject).listen({ host, port, exclusive: true }, () => {
        // Not of the start any more; without a listener it would be thrown into the process.
        this.#server.on('error', (error) => diag.error('otel-cache: the metrics port failed', error))
        const address = this.#server.address()
        if (address !== null && typeof address === 'object') resolve({ host: address.address, port: address.port })
      })
    })
    return this.#listening
  }

  /** Frees the port and ends every connection: idle ones at once, others after their answer or the grace. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    try {
      // A name may still be looked up: the port would open behind a close that did not wait.
      await this.#listening
    } catch {
      return
    }
    await new Promise<void>((resolve) => {
      const cut = setTimeout(() => this.#server.closeAllConnections(), CLOSE_GRACE)
      this.#server.close(() => {
        clearTimeout(cut)
        resolve()
      })
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url?.split('?', 1)[0] !== METRICS_PATH) {
      return send(response, 404, PLAIN_TYPE, `not found; the metrics are at ${METRICS_PATH}\n`)
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return send(response, 405, PLAIN_TYPE, 'only GET and HEAD are answered\n')
    }
    try {
      send(response, 200, METRICS_TYPE, await this.#render())
    } catch (error) {
      // An empty 200 would look like a target without metrics: 503 makes `up` 0. What went wrong may name secrets.
      diag.error('otel-cache: the metrics could not be collected', error)
      send(response, 503, PLAIN_TYPE, "the metrics could not be collected; OpenTelemetry's diag logger was told why\n")
    }
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  // Node leaves out the body of an answer to HEAD, not its length.
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body)
}
