import { parseArgs } from 'node:util'
import { SCENARIOS } from './scenarios.js'

export const USAGE: string = `Usage: pnpm soak [--minutes N] [--scenario NAME] [--seed N] [--record]

Has a fleet of processes work on few keys of one Redis through one fault after the other, and judges every read that any
of them made. Exits with 1, and with all that is known of it, where one should not have been.

  --minutes N      begins again and again for so long, with another seed each time. Default: every scenario once
  --scenario NAME  only the scenarios whose name contains NAME
  --seed N         of the random operations. Default: 1
  --core MODULE    the entry module of another build of the cache
  --record         writes what was measured to docs/reliability/coherence.json
  --help           this text

Scenarios: ${SCENARIOS.map(({ name }) => name).join(', ')}`

export interface Settings {
  readonly minutes: number
  readonly scenario: string
  readonly seed: number
  readonly core: string | undefined
  readonly record: boolean
  readonly help: boolean
}

/** What was asked of the soak makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export function readSettings(args: readonly string[]): Settings {
  const { minutes, seed, ...others } = readFlags(args)
  const settings = { ...others, core: others.core, minutes: Number(minutes), seed: Number(seed) }
  if (!(settings.minutes >= 0)) throw new UsageError(`--minutes is no number: ${minutes}`)
  if (!Number.isSafeInteger(settings.seed)) throw new UsageError(`--seed is no integer: ${seed}`)
  if (!SCENARIOS.some(({ name }) => name.includes(settings.scenario))) {
    throw new UsageError(`No scenario's name contains '${settings.scenario}'\n\n${USAGE}`)
  }
  return settings
}

type Flags = Omit<Settings, 'minutes' | 'seed' | 'core'> & { minutes: string; seed: string; core?: string | undefined }

function readFlags(args: readonly string[]): Flags {
  const flag = { type: 'boolean', default: false } as const
  const text = (value: string) => ({ type: 'string', default: value }) as const
  try {
    // `pnpm soak -- --minutes 5`, as npm wants it written, hands the dashes on.
    const given = args[0] === '--' ? args.slice(1) : [...args]
    return parseArgs({
      args: given,
      options: {
        minutes: text('0'),
        scenario: text(''),
        seed: text('1'),
        core: { type: 'string' },
        record: flag,
        help: { ...flag, short: 'h' },
      },
    }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`)
  }
}
