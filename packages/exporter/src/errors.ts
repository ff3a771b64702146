import { inspect } from 'node:util'

/**
 * An option of the exporter that cannot work: its message names the option, what was expected and what was received.
 * Everything else that can fail (a port in use, an unknown host) is reported as the operating system's own error.
 */
export class ExporterOptionError extends TypeError {
  override readonly name = 'ExporterOptionError'
  /** Stable; messages are not. */
  readonly code = 'ERR_EXPORTER_INVALID_OPTION'

  /** @param cause what the operating system or TLS said */
  constructor(option: string, expected: string, received: unknown, cause?: unknown) {
    const shown = inspect(received, { depth: 0, maxStringLength: 64, customInspect: false })
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    super(`${option} must be ${expected}; received ${shown}${why}`, cause === undefined ? undefined : { cause })
  }
}
