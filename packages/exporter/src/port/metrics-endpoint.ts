import type { IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip as gzipWithCallback } from 'node:zlib'
import { diag } from '@opentelemetry/api'
import { DeadlineError, within } from '../deadline.js'
import type { Collect, Families } from '../exposition/family.js'
import { type Format, write } from '../exposition/write.js'
import type { Authentication } from '../security/authentication.js'
import { acceptsGzip, contentType, negotiateFormat } from './negotiate.js'
import { PortMetrics } from './port-metrics.js'
import { methodReply, type Reply, send } from './reply.js'

const gzip = promisify(gzipWithCallback)

/** As Prometheus's own exporters have it. */
const MAX_REQUESTS = 40
/** What Prometheus waits for where nothing else is configured, in milliseconds. */
const DEFAULT_TIMEOUT = 10_000
const MAX_TIMEOUT = 60_000
/** The answer should arrive before Prometheus has gone. */
const OF_ITS_TIMEOUT = 0.95

/** One that is under way, and what is made of it. */
interface Collection {
  readonly timeout: number
  readonly families: Promise<Families>
  readonly bodies: Map<string, Promise<Uint8Array>>
}

/**
 * Answers requests for the metrics: all that come while one is being worked on share its collection, and what is made of
 * it. What a failure was may name secrets, so it is told to `diag`, never to the scraper.
 */
export class MetricsEndpoint {
  readonly #collect: Collect
  readonly #authentication: Authentication
  readonly #metrics = new PortMetrics()
  #collection: Collection | undefined
  #requests = 0

  constructor(collect: Collect, authentication: Authentication) {
    this.#collect = collect
    this.#authentication = authentication
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now()
    const closed = new Promise<void>((resolve) => response.once('close', resolve))
    const reply = await this.#reply(request, closed)
    this.#metrics.scraped(reply.status, (performance.now() - started) / 1_000)
    send(response, reply)
  }

  async #reply(request: IncomingMessage, closed: Promise<void>): Promise<Reply> {
    const refused = (await this.#authentication.refuse(request)) ?? methodReply(request)
    if (refused !== undefined) return refused
    if (this.#requests >= MAX_REQUESTS) return unavailable(`more than ${MAX_REQUESTS} requests at once\n`)
    // Until it is read: a client that reads slowly holds its answer in memory.
    this.#requests++
    void closed.then(() => this.#requests--)
    const format = negotiateFormat(request.headers.accept)
    const zipped = acceptsGzip(request.headers['accept-encoding'])
    const timeout = timeoutOf(request)
    try {
      const body = await within(timeout, this.#body(format, zipped, timeout))
      const headers = { 'Content-Type': contentType(format), Vary: 'Accept, Accept-Encoding' }
      return { status: 200, headers: zipped ? { ...headers, 'Content-Encoding': 'gzip' } : headers, body }
    } catch (error) {
      if (!(error instanceof DeadlineError)) return unavailable(NOT_COLLECTED)
      this.#metrics.failed('timeout')
      const why = `the metrics could not be collected within ${timeout} ms`
      diag.error(`otel-cache: ${why} [OTEL_CACHE_COLLECTION_TIMEOUT]`)
      return unavailable(`${why}\n`)
    }
  }

  /** One for all who want the same at the same time. */
  #body(format: Format, zipped: boolean, timeout: number): Promise<Uint8Array> {
    const { families, bodies } = this.#collectionFor(timeout)
    const kind = `${format} ${zipped}`
    const body = bodies.get(kind) ?? this.#write(families, format, zipped)
    bodies.set(kind, body)
    return body
  }

  /** The one under way, unless it gives up sooner than whoever asks now would: who is in a hurry fails alone. */
  #collectionFor(timeout: number): Collection {
    if (this.#collection !== undefined && this.#collection.timeout >= timeout) return this.#collection
    const families = this.#collect(timeout)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        if (this.#collection === collection) this.#collection = undefined
      })
    const collection: Collection = { timeout, families, bodies: new Map() }
    this.#collection = collection
    return collection
  }

  async #write(collected: Promise<Families>, format: Format, zipped: boolean): Promise<Uint8Array> {
    const families = await collected
    try {
      const text = write([...families.values(), ...this.#metrics.families()], format)
      return zipped ? await gzip(text) : text
    } catch (error) {
      return this.#failed(error)
    }
  }

  #failed(error: unknown): never {
    // Told by whoever waits for it.
    if (error instanceof DeadlineError) throw error
    this.#metrics.failed(error instanceof AggregateError ? 'partial' : 'collection')
    diag.error('otel-cache: the metrics could not be collected [OTEL_CACHE_COLLECTION_FAILED]', error)
    throw error
  }
}

const NOT_COLLECTED = "the metrics could not be collected; OpenTelemetry's diag logger was told why\n"

/** Not an empty 200, which would look like a target without metrics: 503 makes `up` 0. */
function unavailable(body: string): Reply {
  return { status: 503, body }
}

/** In milliseconds, as Prometheus says in seconds. */
function timeoutOf({ headers }: IncomingMessage): number {
  const timeout = Number(headers['x-prometheus-scrape-timeout-seconds']) * 1_000 * OF_ITS_TIMEOUT
  return timeout > 0 ? Math.min(timeout, MAX_TIMEOUT) : DEFAULT_TIMEOUT
}
