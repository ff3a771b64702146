import { parseArgs } from 'node:util'
import { groups } from './groups.js'
import { programs } from './programs.js'

export const USAGE: string = `Usage: pnpm bench [--filter NAME] [--quick] [--json] [--save]

Measures the cache beside the libraries it stands on, over memory and over a redis-server of its own: first mitata's
table of times, then the ratios to the floors, then the programs, and at the end every figure that the contract bounds.
Exit code 1 when one is missed and not explained, or when something else was measured than was meant.

  --filter NAME  only the groups and programs whose name contains NAME
  --quick        fewer and shorter rounds: a first impression, in under three minutes
  --json         the last line of standard output is one JSON object with all that was found
  --save         keep all that was found in docs/performance, and draw the report there anew; with --filter these
                 parts of the run that is kept there, each with its date
  --help         this text

Groups: ${groups.map(({ name }) => name).join(', ')}

Programs:
${programs.map(({ name, about }) => `  ${name}: ${about}`).join('\n')}`

export interface Settings {
  readonly help: boolean
  readonly quick: boolean
  readonly json: boolean
  readonly save: boolean
  readonly filter: string
}

/** What was asked of the benchmark makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export function readSettings(args: readonly string[]): Settings {
  const settings = readFlags(args)
  if (![...groups, ...programs].some(({ name }) => name.includes(settings.filter))) {
    throw new UsageError(`No group's or program's name contains '${settings.filter}'\n\n${USAGE}`)
  }
  if (settings.save && settings.quick) throw new UsageError('--save keeps what was measured in full: leave --quick out')
  return settings
}

function readFlags(args: readonly string[]): Settings {
  const flag = { type: 'boolean', default: false } as const
  try {
    // `pnpm bench -- --quick`, as npm wants it written, hands the dashes on.
    const given = args[0] === '--' ? args.slice(1) : [...args]
    const filter = { type: 'string', default: '' } as const
    return parseArgs({
      args: given,
      options: { help: { ...flag, short: 'h' }, quick: flag, json: flag, save: flag, filter },
    }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`)
  }
}
