const MAX_LENGTH = 32

/** The caller's mistake, in words that may be shown to them. */
export class InvalidPatternError extends Error {
  override readonly name = 'InvalidPatternError'
}

/** Checks what a caller asked for, and writes equal patterns in one way so that they share a cache entry. */
export function parsePattern(input: string | null): string {
  if (input === null) throw new InvalidPatternError('q is missing: ask for /patterns?q=colo*r')
  if (input === '') throw new InvalidPatternError('q is empty: ask for /patterns?q=colo*r')
  if (input.length > MAX_LENGTH) {
    throw new InvalidPatternError(`q is too long: at most ${MAX_LENGTH} characters, got ${input.length}`)
  }
  if (!/^[a-z?*]+$/i.test(input)) {
    throw new InvalidPatternError('q may hold the letters a to z, ? for any one letter and * for any number of letters')
  }
  return input.toLowerCase().replace(/\*+/g, '*')
}
