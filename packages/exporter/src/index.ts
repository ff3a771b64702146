/**
 * The Prometheus port: `startPrometheusExporter` for an application without OpenTelemetry, `createPrometheusReader` beside
 * an existing set-up.
 *
 * @module @otel-cache/exporter
 */
export { createPrometheusReader, type PrometheusReaderOptions } from './create-prometheus-reader.js'
export { ExporterError, ExporterOptionError, isExporterError, NoPrimaryError, NotListeningError } from './errors.js'
export type { Exemplar, ExemplarSource } from './exemplars.js'
export type { Address, PrometheusPortOptions } from './options.js'
export type { PrometheusReader } from './prometheus-reader.js'
export type { SecurityOptions } from './security/security.js'
export type { ClientAuthType, TlsOptions, TlsVersion } from './security/tls.js'
export { type PrometheusExporter, startPrometheusExporter } from './start-prometheus-exporter.js'
