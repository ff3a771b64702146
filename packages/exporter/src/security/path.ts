import { ExporterOptionError } from '../errors.js'

/** Where options come from: how errors name them, and what the files they name are relative to. */
export interface Path {
  of(name: string): string
  file(name: string): string
}

/** Shown in the place of a text. */
class Text {}

/** A misspelt option that protects something must not be overlooked. */
export function refuseUnknown(
  options: unknown,
  known: readonly string[],
  path: Path,
  whole: string = path.of(''),
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ExporterOptionError(whole, 'an object', options)
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      // Not all of them: some are secrets, and so may this one be, misspelt.
      const value = (options as Record<string, unknown>)[name]
      const received = { [name]: typeof value === 'string' ? new Text() : value }
      throw new ExporterOptionError(whole, `made of ${known.join(', ')}, not ${name}`, received)
    }
  }
}
