import { parseArgs } from 'node:util'
import { ALLOWED, CONSTRAINTS, type Combination, nameOf } from './factors.js'
import { type Outcome, report } from './report.js'
import { Runner } from './runner.js'
import { sample } from './sample.js'

const USAGE = `Usage: pnpm installs [--sample COUNT] [--seed NUMBER]

Tries the packed packages in every combination of installer, OpenTelemetry, ioredis, TypeScript, module system,
resolution and Node; or in so many of them, chosen by the seed.`

/** The combinations that are asked for. */
function choose(args: string[]): Combination[] {
  // `pnpm installs -- --sample 60`, as npm wants it written, hands the dashes on.
  const given = args[0] === '--' ? args.slice(1) : args
  const { values } = parseArgs({ args: given, options: { sample: { type: 'string' }, seed: { type: 'string' } } })
  const number = (name: 'sample' | 'seed', otherwise: number) => {
    const value = Number(values[name] ?? otherwise)
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} is a whole number, not ${values[name]}`)
    return value
  }
  return sample(ALLOWED, number('sample', ALLOWED.length), number('seed', 1))
}

async function tryOne(runner: Runner, combination: Combination): Promise<Outcome> {
  try {
    await runner.try(combination)
    return { combination, failure: undefined }
  } catch (error) {
    const failure = (error as Error).message
    console.log(`\nFAILED: ${nameOf(combination)}\n${failure}`)
    return { combination, failure }
  }
}

/** One line on a terminal, and a line now and then elsewhere. */
function progress(line: string, count: number): void {
  if (process.stdout.isTTY) process.stdout.write(`\r${line}`)
  else if (count % 20 === 0) console.log(line)
}

async function main(chosen: readonly Combination[]): Promise<void> {
  const began = performance.now()
  const seconds = () => `${Math.round((performance.now() - began) / 1000)} s`
  console.log(`${chosen.length} of ${ALLOWED.length} combinations. Left out, because it cannot be had:`)
  for (const { reason } of CONSTRAINTS) console.log(`- ${reason}`)
  const runner = await Runner.start()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => runner.stop().finally(() => process.exit(130)))
  }
  try {
    const outcomes: Outcome[] = []
    const tryAll = chosen.map(async (combination) => {
      outcomes.push(await tryOne(runner, combination))
      progress(`${outcomes.length} tried, ${seconds()}`, outcomes.length)
    })
    await Promise.all(tryAll)
    console.log(`\n${report(outcomes)}\nin ${seconds()}`)
    if (outcomes.some(({ failure }) => failure !== undefined)) process.exitCode = 1
  } finally {
    await runner.stop()
  }
}

let chosen: Combination[] = []
try {
  chosen = choose(process.argv.slice(2))
} catch (error) {
  console.error(`${(error as Error).message}\n\n${USAGE}`)
  process.exitCode = 2
}
if (chosen.length > 0) await main(chosen)
