import { diag } from '@opentelemetry/api'

/** Telemetry that fails is the SDK's concern, and never the caller's. */
export function guarded(action: () => void): void {
  try {
    action()
  } catch (error) {
    tellFailure(error)
  }
}

/** Tells of telemetry that failed. */
export function tellFailure(error: unknown): void {
  try {
    diag.error('otel-cache: telemetry failed [OTEL_CACHE_TELEMETRY_FAILED]', error)
  } catch {
    // A diag logger that throws leaves nobody to tell.
  }
}
