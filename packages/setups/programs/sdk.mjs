import { trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { createPrometheusReader } from '@otel-cache/exporter'

/** An SDK with a Prometheus port that keeps its spans, as the name of each span with those above it. */
export async function startSdk() {
  const ended = []
  const prometheus = createPrometheusReader({ port: 0 })
  const keeper = {
    onStart() {},
    onEnd: (span) => ended.push(span),
    forceFlush: async () => {},
    shutdown: async () => {},
  }
  const sdk = new NodeSDK({ metricReaders: [prometheus], spanProcessors: [keeper], instrumentations: [] })
  sdk.start()
  const { port } = await prometheus.listening
  const path = (span) => {
    const parent = ended.find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId)
    return parent === undefined ? span.name : `${path(parent)} > ${span.name}`
  }
  return {
    shutdown: () => sdk.shutdown(),
    told: async () => ({
      metrics: await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
      spans: ended.map(path),
    }),
  }
}

/** Runs a request of the application, in a span. */
export function request(run) {
  return trace.getTracer('application').startActiveSpan('request', (span) => run().finally(() => span.end()))
}
