// A primary that serves no metrics to its worker, or none through a port of ours; and a worker that says what it was
// refused with. It runs the built package.
import cluster from 'node:cluster'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { createPrometheusReader, startPrometheusExporter } from '@otel-cache/exporter'

if (cluster.isPrimary) {
  if (process.argv[2] === 'own server') {
    new MeterProvider({ readers: [createPrometheusReader({ cluster: true, preventServerStart: true })] })
  }
  cluster.fork().on('message', (message) => {
    if (message.name !== undefined) process.send(message)
  })
} else {
  startPrometheusExporter({ port: 0, cluster: true }).catch(({ name, code, message, cause }) => {
    process.send({ name, code, message, cause: cause?.name }, () => process.exit())
  })
}
