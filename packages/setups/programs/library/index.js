// A dependency of the application with a copy of the api of its own, in another release than the application's.
import { trace } from '@opentelemetry/api'

export { createCache } from '@otel-cache/core'

/** Runs what the application gives it, in a span. */
export function work(run) {
  return trace.getTracer('library').startActiveSpan('library', (span) => run().finally(() => span.end()))
}
