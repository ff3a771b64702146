import { inspect } from 'node:util'

/**
 * The base of the errors this package makes, but for `ExporterOptionError`, which is a `TypeError` with the same members:
 * `isExporterError` knows both. `code` is stable; messages are not. Each code has a page in the documentation, below
 * `docs/errors`. A port that cannot be opened is reported as the
 * operating system's own error, such as `EADDRINUSE`.
 */
export class ExporterError extends Error {
  override readonly name: string = 'ExporterError'
  /** Stable: `ERR_EXPORTER_` and what is wrong. */
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** An option of the exporter that cannot work: its message names the option, what was expected and what was received. */
export class ExporterOptionError extends TypeError {
  override readonly name = 'ExporterOptionError'
  /** Stable; messages are not. */
  readonly code = 'ERR_EXPORTER_INVALID_OPTION'

  /** @param cause what the operating system or TLS said */
  constructor(option: string, expected: string, received: unknown, cause?: unknown) {
    // Long enough for the end of a path, which says most.
    const shown = inspect(received, { depth: 0, maxStringLength: 1_024, customInspect: false, breakLength: Infinity })
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    super(`${option} must be ${expected}; received ${shown}${why}`, cause === undefined ? undefined : { cause })
  }
}

/** `listening` has no address to tell: the metrics are served through a server of the application's own. */
export class NotListeningError extends ExporterError {
  override readonly name = 'NotListeningError'

  constructor(message: string) {
    super('ERR_EXPORTER_NOT_LISTENING', message)
  }
}

/** A worker of a `node:cluster` has not heard of a primary that serves its metrics. */
export class NoPrimaryError extends ExporterError {
  override readonly name = 'NoPrimaryError'

  constructor(cause: unknown) {
    super(
      'ERR_EXPORTER_NO_PRIMARY',
      'the primary of the cluster serves no metrics: there, too, the exporter wants `cluster: true`',
      { cause },
    )
  }
}

/** True for an error of this package, also when another copy of the package made it. */
export function isExporterError(error: unknown): error is ExporterError {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('ERR_EXPORTER_')
}
