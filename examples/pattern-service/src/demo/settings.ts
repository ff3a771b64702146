import { parseArgs } from 'node:util'

export const USAGE = `Usage: pnpm demo [--once] [--json]

Starts the pattern service, asks for each of 50 patterns once, then sends 1,000 requests over them, and shows what the
cache did and what its metrics say. Then it keeps serving until Ctrl-C.

  --once   stop after the run: exit 0, or 1 when a metric is missing or a count is wrong
  --json   print the figures as one line of JSON on standard output, and everything else on standard error
  --help   this text

Environment:
  REDIS_URL      the Redis to use (default: the one on 127.0.0.1:6379 if it answers, otherwise memory)
  PORT           port of the service (default 3000; 0 takes any free one)
  METRICS_PORT   port of the metrics (default 9464; 0 takes any free one)`

export interface Settings {
  readonly help: boolean
  readonly once: boolean
  readonly json: boolean
  readonly port: number
  readonly metricsPort: number
  readonly redisUrl: string | undefined
}

/** What was asked of the demo makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export function readSettings(args: readonly string[], env: NodeJS.ProcessEnv): Settings {
  const { PORT, METRICS_PORT, REDIS_URL } = env
  return {
    ...readFlags(args),
    port: readPort('PORT', PORT, 3000),
    metricsPort: readPort('METRICS_PORT', METRICS_PORT, 9464),
    redisUrl: REDIS_URL || undefined,
  }
}

function readFlags(args: readonly string[]): Pick<Settings, 'help' | 'once' | 'json'> {
  const flag = { type: 'boolean', default: false } as const
  try {
    // `pnpm demo -- --once`, as npm wants it written, hands the dashes on.
    const given = args[0] === '--' ? args.slice(1) : [...args]
    return parseArgs({ args: given, options: { help: { ...flag, short: 'h' }, once: flag, json: flag } }).values
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`)
  }
}

function readPort(name: string, given: string | undefined, preferred: number): number {
  if (!given) return preferred
  const port = Number(given)
  if (/^\d+$/.test(given) && port <= 65_535) return port
  throw new UsageError(`${name} must be a whole number from 0 to 65535, got ${given}`)
}
