import { diag } from '@opentelemetry/api'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { MetricReader } from '@opentelemetry/sdk-metrics'
import { MetricsServer } from './metrics-server.js'
import { type Address, type PrometheusPortOptions, resolveOptions } from './options.js'

/**
 * A metric reader that serves what its provider knows as `GET /metrics`, cumulative and with the default aggregations.
 * It opens its port when a provider takes it, and closes it when that provider shuts down.
 */
export class PrometheusReader extends MetricReader {
  /** Resolves to the real address once the port is open; rejects with the operating system's error when it cannot be. */
  readonly listening: Promise<Address>
  readonly #wanted: Address
  readonly #server: MetricsServer
  readonly #serializer = new PrometheusSerializer()
  #resolveListening!: (listening: Promise<Address>) => void

  constructor(wanted: Address) {
    super()
    this.#wanted = wanted
    this.#server = new MetricsServer(() => this.#render())
    this.listening = new Promise((resolve) => {
      this.#resolveListening = resolve
    })
  }

  protected override onInitialized(): void {
    this.#resolveListening(this.#server.listen(this.#wanted))
  }

  protected override onShutdown(): Promise<void> {
    return this.#server.close()
  }

  protected override async onForceFlush(): Promise<void> {
    // Prometheus comes for the metrics: there is nothing to push.
  }

  async #render(): Promise<string> {
    const { resourceMetrics, errors } = await this.collect()
    if (errors.length > 0) throw new AggregateError(errors, 'a collection failed in part')
    return this.#serializer.serialize(resourceMetrics)
  }
}

/**
 * A reader for the application's own `MeterProvider` or `NodeSDK`, which serves all its metrics to Prometheus.
 *
 * The port opens when the provider takes the reader and closes when the provider shuts down. Providers cannot wait or
 * fail for that: `listening` can be awaited, and a port that cannot be opened is reported to OpenTelemetry's `diag`.
 *
 * @param options where to serve; `127.0.0.1:9464` by default
 * @throws {ExporterOptionError} when an option cannot work
 * @example
 * import { MeterProvider } from '@opentelemetry/sdk-metrics'
 * import { createPrometheusReader } from '@otel-cache/exporter'
 *
 * const reader = createPrometheusReader({ port: 9464 })
 * const provider = new MeterProvider({ readers: [reader] }) // or: new NodeSDK({ metricReaders: [reader] })
 * console.log(await reader.listening) // { host: '127.0.0.1', port: 9464 }
 * await provider.shutdown()
 */
export function createPrometheusReader(options?: PrometheusPortOptions): PrometheusReader {
  const wanted = resolveOptions(options)
  const reader = new PrometheusReader(wanted)
  reader.listening.catch((error) => {
    diag.error(`otel-cache: no metrics are served, ${wanted.host} port ${wanted.port} could not be opened`, error)
  })
  return reader
}
