import { type Combination, FACTORS, nameOf } from './factors.js'

/** What came of a combination. */
export interface Outcome {
  readonly combination: Combination
  /** What was said where it failed. */
  readonly failure: string | undefined
}

/** How many passed of each level, as a table; and what failed. */
export function report(outcomes: readonly Outcome[]): string {
  const lines = ['factor      level      passed  failed']
  for (const [factor, levels] of Object.entries(FACTORS)) {
    for (const level of levels) {
      const own = outcomes.filter(({ combination }) => combination[factor as keyof Combination] === level)
      const failed = own.filter(({ failure }) => failure !== undefined).length
      lines.push(`${factor.padEnd(11)} ${level.padEnd(10)} ${pad(own.length - failed, 6)}  ${pad(failed, 6)}`)
    }
  }
  const failed = outcomes.filter(({ failure }) => failure !== undefined)
  lines.push('', `${outcomes.length - failed.length} passed, ${failed.length} failed`)
  lines.push(...failed.map(({ combination }) => `failed: ${nameOf(combination)}`))
  return lines.join('\n')
}

function pad(number: number, width: number): string {
  return String(number).padStart(width)
}
