import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api'

/** What the SDKs look at (`suppressTracing` of @opentelemetry/core). Undocumented in the api, hence in one place. */
const SUPPRESS_TRACING: symbol = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')
const HOUSEKEEPING = ROOT_CONTEXT.setValue(SUPPRESS_TRACING, true)

/** Runs housekeeping, such as a ping, in nobody's trace. */
export function untraced<T>(run: () => T): T {
  return context.with(HOUSEKEEPING, run)
}
