import { execFile } from 'node:child_process'
import { basename } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** What a command that ended well has said. */
export interface Said {
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end. Rejects with all that it said where it fails, or takes longer than two minutes. */
export async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env?: NodeJS.ProcessEnv,
): Promise<Said> {
  try {
    return await execute(command, args, {
      cwd,
      encoding: 'utf8',
      timeout: 120_000,
      killSignal: 'SIGKILL',
      ...(env && { env }),
    })
  } catch (error) {
    const { stdout, stderr, killed } = error as { stdout?: string; stderr?: string; killed?: boolean }
    const how = killed ? 'did not end' : 'failed'
    throw new Error(`${basename(command)} ${args.join(' ')} ${how}:\n${stdout}${stderr}`, { cause: error })
  }
}

/** With the pnpm that runs the tests, which tells its scripts where it is; or else with the one that npm fetches. */
export function pnpm(cwd: string, ...args: string[]): Promise<Said> {
  const { npm_execpath: current = '' } = process.env
  const [command, ...first] = basename(current).startsWith('pnpm') ? [current] : ['npx', '--yes', 'pnpm@12']
  return run(command as string, [...first, ...args], cwd)
}
