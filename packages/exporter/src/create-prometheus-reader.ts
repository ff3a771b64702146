import { diag } from '@opentelemetry/api'
import { ExporterOptionError } from './errors.js'
import { type PrometheusPortOptions, resolveOptions } from './options.js'
import { PrometheusReader } from './prometheus-reader.js'

/** Where and how the metrics are served, in whose server. */
export interface PrometheusReaderOptions extends PrometheusPortOptions {
  /**
   * Opens no port: `getMetricsRequestHandler` then answers in a server of the application's own.
   * @default false
   */
  readonly preventServerStart?: boolean
}

/**
 * A reader for the application's own `MeterProvider` or `NodeSDK`, which serves all its metrics to Prometheus.
 *
 * The port opens when the provider takes the reader and closes when the provider shuts down. Providers cannot wait or
 * fail for that: `listening` can be awaited, and a port that cannot be opened is reported to OpenTelemetry's `diag`.
 *
 * @param options where and how to serve; `127.0.0.1:9464` by default
 * @throws {ExporterOptionError} when an option cannot work
 * @example
 * import { MeterProvider } from '@opentelemetry/sdk-metrics'
 * import { createPrometheusReader } from '@otel-cache/exporter'
 *
 * const reader = createPrometheusReader({ port: 9464 })
 * const provider = new MeterProvider({ readers: [reader] }) // or: new NodeSDK({ metricReaders: [reader] })
 * console.log(await reader.listening) // { host: '127.0.0.1', port: 9464 }
 * await provider.shutdown()
 * @example
 * // In the application's own server: node:http, Express, or Fastify with reply.hijack() and the raw objects.
 * const reader = createPrometheusReader({ preventServerStart: true })
 * const provider = new MeterProvider({ readers: [reader] })
 * app.all('/metrics', reader.getMetricsRequestHandler)
 */
export function createPrometheusReader(options: PrometheusReaderOptions = {}): PrometheusReader {
  const { preventServerStart = false, ...rest } = options ?? {}
  const settings = resolveOptions(options && rest)
  if (typeof preventServerStart !== 'boolean') {
    throw new ExporterOptionError('preventServerStart', 'true or false', preventServerStart)
  }
  if (preventServerStart && settings.security.tls !== undefined) {
    throw new ExporterOptionError('preventServerStart', 'false where TLS is configured', preventServerStart)
  }
  const reader = new PrometheusReader(settings, preventServerStart)
  reader.listening.catch((error) => {
    if (preventServerStart) return
    const { host, port } = settings.address
    const what = `no metrics are served, ${host} port ${port} could not be opened`
    diag.error(`otel-cache: ${what} [OTEL_CACHE_PORT_NOT_OPENED]`, error)
  })
  return reader
}
