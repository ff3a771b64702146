// The application's own OpenTelemetry set-up, loaded before everything else by `--import`. One line of it is for the
// cache's sake: the reader. `OTEL_TRACES_EXPORTER` and `OTEL_LOGS_EXPORTER` say where the rest goes; `none` is nowhere.
import { NodeSDK } from '@opentelemetry/sdk-node'
import { createPrometheusReader } from '@otel-cache/exporter'

const reader = createPrometheusReader()
const sdk = new NodeSDK({ serviceName: 'weather', metricReaders: [reader] })
sdk.start()
reader.listening.then(({ host, port }) => console.log(`Metrics: http://${host}:${port}/metrics`), console.error)

// Flushes what is left; the service closes itself meanwhile.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => sdk.shutdown())
