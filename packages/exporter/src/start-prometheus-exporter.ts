/// <reference lib="esnext.disposable" preserve="true" />
import type { MeterProvider } from '@opentelemetry/api'
import { MeterProvider as SdkMeterProvider } from '@opentelemetry/sdk-metrics'
import { type Address, type PrometheusPortOptions, resolveOptions } from './options.js'
import { PrometheusReader } from './prometheus-reader.js'

/** A Prometheus port that is open, and the provider whose metrics it serves. */
export interface PrometheusExporter {
  /** A provider of its own, to be handed to what should be measured. Never the global one, nor registered as such. */
  readonly meterProvider: MeterProvider
  /** What Prometheus scrapes, such as `http://127.0.0.1:9464/metrics`. */
  readonly url: string
  /** What is listened on: the real port, also where 0 was asked for. */
  address(): Address
  /**
   * Shuts the provider down, frees the port and ends every connection; a scrape under way is answered first, for half
   * a second at most. Can be called again without harm.
   */
  close(): Promise<void>
  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Opens a Prometheus port over a `MeterProvider` of its own, for applications without OpenTelemetry metrics so far.
 *
 * Resolves once the port is open. It never keeps the process alive.
 *
 * @param options where and how to serve; `127.0.0.1:9464` by default
 * @throws {ExporterOptionError} (as a rejection) when an option cannot work. When the port cannot be opened it rejects
 * with the operating system's error, such as `EADDRINUSE`, and leaves nothing behind.
 * @example
 * import { createCache } from '@otel-cache/core'
 * import { startPrometheusExporter } from '@otel-cache/exporter'
 *
 * const exporter = await startPrometheusExporter({ port: 9464 })
 * const cache = createCache({ name: 'patterns', meterProvider: exporter.meterProvider })
 * console.log(exporter.url) // http://127.0.0.1:9464/metrics
 * await cache.close()
 * await exporter.close()
 */
export async function startPrometheusExporter(options?: PrometheusPortOptions): Promise<PrometheusExporter> {
  const settings = resolveOptions(options)
  const reader = new PrometheusReader(settings)
  const meterProvider = new SdkMeterProvider({ readers: [reader] })
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= meterProvider.shutdown()
    return closed
  }
  try {
    const { host, port } = await reader.listening
    return {
      meterProvider,
      url: `${settings.security.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`,
      address: () => ({ host, port }),
      close,
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
