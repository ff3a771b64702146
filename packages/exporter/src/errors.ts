import { inspect } from 'node:util'

/**
 * An option of the exporter that cannot work: its message names the option, what was expected and what was received.
 * Everything else that can fail (a port in use, an unknown host) is reported as the operating system's own error.
 */
export class ExporterOptionError extends TypeError {
  override readonly name = 'ExporterOptionError'
  readonly code = 'ERR_EXPORTER_INVALID_OPTION'

  constructor(option: string, expected: string, received: unknown) {
    const shown = inspect(received, { depth: 0, maxStringLength: 64, customInspect: false })
    super(`${option} must be ${expected}; received ${shown}`)
  }
}
