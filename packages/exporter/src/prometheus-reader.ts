import cluster from 'node:cluster'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { diag } from '@opentelemetry/api'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { TimeoutError } from '@opentelemetry/sdk-metrics'
import { ClusterPrimary } from './cluster/primary.js'
import { ClusterWorker } from './cluster/worker.js'
import { DeadlineError } from './deadline.js'
import { NotListeningError } from './errors.js'
import type { Families } from './exposition/family.js'
import { Translator } from './exposition/translator.js'
import type { Address, Settings } from './options.js'
import { health } from './port/health.js'
import { MetricsEndpoint } from './port/metrics-endpoint.js'
import { Page } from './port/page.js'
import { Port, type Route } from './port/port.js'
import { Authentication } from './security/authentication.js'

/**
 * The stock exporter's reader, cumulative and with the default aggregations, with a serialiser and a port of its own. It
 * opens its port when a provider takes it, and closes it when that provider shuts down.
 */
export class PrometheusReader extends PrometheusExporter {
  /** Resolves to the real address once the port is open; rejects with the operating system's error when it cannot be. */
  readonly listening: Promise<Address>
  readonly #settings: Settings
  readonly #translator: Translator
  readonly #authentication: Authentication
  readonly #endpoint: MetricsEndpoint
  readonly #port: Port | undefined
  readonly #primary: ClusterPrimary | undefined
  readonly #worker: ClusterWorker | undefined
  #isReady = false
  #resolveListening!: (listening: Promise<Address>) => void

  constructor(settings: Settings, preventServerStart = false) {
    super({ preventServerStart: true })
    const { security, withoutScopeInfo, withoutTargetInfo, exemplars } = settings
    const collect = (timeout: number) => this.#collect(timeout)
    const worker = settings.cluster ? cluster.worker : undefined
    this.#settings = settings
    this.#translator = new Translator({
      withoutScopeInfo,
      withoutTargetInfo: withoutTargetInfo || worker !== undefined,
      exemplars,
      gaugeLabels: worker === undefined ? {} : { worker: worker.id },
    })
    this.#worker = worker && new ClusterWorker(collect)
    this.#primary = settings.cluster && worker === undefined ? new ClusterPrimary(collect) : undefined
    this.#authentication = new Authentication(security)
    this.#endpoint = new MetricsEndpoint(this.#primary?.collect ?? collect, this.#authentication)
    const page = new Page(this.#authentication)
    const routes = new Map<string, Route>([
      ...(settings.page
        ? ([
            ['/', page.document],
            ['/page/*', page.file],
          ] as const)
        : []),
      ['/metrics', (request, response) => this.getMetricsRequestHandler(request, response)],
      ['/healthz', health(() => true)],
      ['/-/ready', health(() => this.#isReady)],
    ])
    if (worker === undefined && !preventServerStart) this.#port = new Port(routes, security)
    this.listening = new Promise((resolve) => {
      this.#resolveListening = resolve
    })
  }

  /**
   * Answers one request for the metrics, whatever its path, in a server of the application's own: with the same
   * authentication, formats and status codes as the port. It can be handed on by itself.
   */
  override readonly getMetricsRequestHandler = (request: IncomingMessage, response: ServerResponse): void => {
    this.#endpoint.answer(request, response).catch((error: unknown) => {
      // The application has already answered, for one. Not thrown into the process for that.
      diag.error('otel-cache: a request for the metrics could not be answered [OTEL_CACHE_REQUEST_NOT_ANSWERED]', error)
    })
  }

  override async startServer(): Promise<void> {
    await this.listening
  }

  override async stopServer(): Promise<void> {
    await this.#port?.close()
  }

  protected override onInitialized(): void {
    this.#isReady = true
    this.#resolveListening(this.#open())
  }

  override async onShutdown(): Promise<void> {
    this.#isReady = false
    this.#primary?.stop()
    await this.#worker?.stop()
    await this.stopServer()
    await this.#authentication.close()
  }

  async #open(): Promise<Address> {
    if (this.#worker !== undefined) return this.#worker.start()
    const address = await this.#port?.listen(this.#settings.address)
    this.#primary?.start(address)
    if (address === undefined) throw new NotListeningError('nothing is listened on, because of preventServerStart')
    if (!this.#settings.security.isProtected && !isLoopback(address.host)) {
      const who = `everybody who reaches ${address.host} port ${address.port} can read the metrics`
      diag.warn(`otel-cache: ${who} [OTEL_CACHE_PORT_UNPROTECTED]`)
    }
    return address
  }

  async #collect(timeoutMillis: number): Promise<Families> {
    const { resourceMetrics, errors } = await this.collect({ timeoutMillis })
    // The SDK's own deadline is the same, and comes first.
    if (errors.length > 0 && errors.every((error) => error instanceof TimeoutError)) {
      throw new DeadlineError(`not within ${timeoutMillis} ms`)
    }
    if (errors.length > 0) throw new AggregateError(errors, 'a collection failed in part')
    return this.#translator.families(resourceMetrics)
  }
}

function isLoopback(host: string): boolean {
  return /^(::ffff:)?127\./.test(host) || host === '::1'
}
