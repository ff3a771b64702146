import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import { diag } from '@opentelemetry/api'
import type { Address } from '../options.js'
import type { TlsSettings } from '../security/tls.js'
import { send } from './reply.js'

/** How long a scrape that is being answered may delay `close()`, in milliseconds. */
const CLOSE_GRACE = 500

/** What a client that is slow, on purpose or not, may cost; in milliseconds. Scrapers send a few hundred bytes. */
const LIMITS: ServerOptions = {
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
}
const HANDSHAKE_TIMEOUT = 5_000
/** Nothing moves on a connection: longer than any scrape may take. */
const IDLE_TIMEOUT = 65_000
/** How long an answer may take until it has been read: a client that takes it in by drops holds it in memory. */
const ANSWER_TIMEOUT = 65_000
const MAX_CONNECTIONS = 256
/** How often certificates are read again, which are renewed long before they end. */
const REREAD_INTERVAL = 60_000

/** Answers the requests for one path, or for all in a folder where that is `/folder/*`. */
export type Route = (request: IncomingMessage, response: ServerResponse) => void

export interface PortSettings {
  readonly tls: TlsSettings | undefined
  /** Of every answer. */
  readonly headers: Readonly<Record<string, string>>
}

/** An HTTP or HTTPS server over routes, which never keeps the process alive. */
export class Port {
  readonly #routes: ReadonlyMap<string, Route>
  readonly #headers: Readonly<Record<string, string>>
  readonly #server: Server
  #rereading: NodeJS.Timeout | undefined
  #listening: Promise<Address> | undefined
  #closed: Promise<void> | undefined

  constructor(routes: ReadonlyMap<string, Route>, { tls, headers }: PortSettings) {
    this.#routes = routes
    this.#headers = headers
    const answer = (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response)
    if (tls === undefined) {
      this.#server = createServer(LIMITS, answer)
    } else {
      const server = createTlsServer({ ...LIMITS, ...tls.server, handshakeTimeout: HANDSHAKE_TIMEOUT }, answer)
      this.#server = server.on('secureConnection', (socket) => {
        if (!tls.admits(socket)) socket.destroy()
      })
      server.once('listening', () => {
        this.#rereading = setInterval(() => renew(server, tls), REREAD_INTERVAL).unref()
      })
    }
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#server.timeout = IDLE_TIMEOUT
    // A scraper keeps its connection open between two scrapes: that too must not hold the process.
    this.#server.unref().on('connection', (socket) => socket.unref())
  }

  /** Resolves to the real address once the port is open; rejects with the operating system's error. */
  listen({ host, port }: Address): Promise<Address> {
    this.#listening ??= new Promise((resolve, reject) => {
      // Exclusive: workers of a `node:cluster` would otherwise answer the same port in turn, and every counter jump.
      this.#server.once('error', reject).listen({ host, port, exclusive: true }, () => {
        // Not of the start any more; without a listener it would be thrown into the process.
        this.#server.on('error', (error) => {
          diag.error('otel-cache: the metrics port failed [OTEL_CACHE_PORT_FAILED]', error)
        })
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
    clearInterval(this.#rereading)
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

  #answer(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(this.#headers)) response.setHeader(name, value)
    const cut = setTimeout(() => response.destroy(), ANSWER_TIMEOUT).unref()
    response.once('close', () => clearTimeout(cut))
    const path = pathOf(request)
    const route = this.#routes.get(path) ?? this.#routes.get(`${path.slice(0, path.lastIndexOf('/') + 1)}*`)
    if (route !== undefined) route(request, response)
    else send(response, { status: 404, body: `not found; there is ${[...this.#routes.keys()].join(', ')}\n` })
  }
}

/** Also of a whole address, as a proxy is asked: a server must accept that (RFC 9112, 3.2.2). */
function pathOf({ url = '' }: IncomingMessage): string {
  return url.replace(/^https?:\/\/[^/?]*/i, '').split('?', 1)[0] ?? ''
}

/** New connections get the certificates of now; while those are wrong, the last right ones. */
function renew(server: TlsServer, tls: TlsSettings): void {
  try {
    server.setSecureContext(tls.reread().server)
  } catch (error) {
    const what = 'the certificates could not be read again; the last ones stay'
    diag.error(`otel-cache: ${what} [OTEL_CACHE_CERTIFICATES_NOT_READ]`, error)
  }
}
