// `node --import ./telemetry.mjs app.mjs`: what OpenTelemetry's guide has an ESM application do.
import { register } from 'node:module'
import { getNodeAutoInstrumentations } from '@opentelemetry/auto-instrumentations-node'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { createPrometheusReader } from '@otel-cache/exporter'

register('@opentelemetry/instrumentation/hook.mjs', import.meta.url)

const prometheus = createPrometheusReader({ port: 0 })
const otlp = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(), exportIntervalMillis: 300 })
const sdk = new NodeSDK({
  metricReaders: [prometheus, otlp],
  // Commands without a parent too, so that housekeeping that leaves spans is seen. By default the statement names keys.
  instrumentations: getNodeAutoInstrumentations({
    '@opentelemetry/instrumentation-ioredis': { requireParentSpan: false, dbStatementSerializer: (command) => command },
  }),
})
sdk.start()
process.send({ metrics: await prometheus.listening })
// The application has ended: the last counts and spans are told.
process.once('beforeExit', () => sdk.shutdown())
