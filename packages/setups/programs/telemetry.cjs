// `node --require ./telemetry.cjs app.cjs`: what OpenTelemetry's guide has a CommonJS application do.
const { getNodeAutoInstrumentations } = require('@opentelemetry/auto-instrumentations-node')
const { OTLPMetricExporter } = require('@opentelemetry/exporter-metrics-otlp-http')
const { PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics')
const { NodeSDK } = require('@opentelemetry/sdk-node')
const { createPrometheusReader } = require('@otel-cache/exporter')

const prometheus = createPrometheusReader({ port: 0 })
const otlp = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(), exportIntervalMillis: 300 })
const sdk = new NodeSDK({ metricReaders: [prometheus, otlp], instrumentations: getNodeAutoInstrumentations() })
sdk.start()
prometheus.listening.then((metrics) => process.send({ metrics }))
// The application has ended: the last counts and spans are told.
process.once('beforeExit', () => sdk.shutdown())
