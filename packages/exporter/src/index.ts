export { ExporterOptionError } from './errors.js'
export type { Address, PrometheusPortOptions } from './options.js'
export { createPrometheusReader, type PrometheusReader } from './prometheus-reader.js'
export { type PrometheusExporter, startPrometheusExporter } from './start-prometheus-exporter.js'
