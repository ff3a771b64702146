import { startRedis } from '@otel-cache/test-servers'
import { measureLatency } from './latency.js'
import { describeViolation, lineOf } from './report.js'
import { type MeasuredScenario, measured, record } from './results.js'
import { run } from './run.js'
import { SCENARIOS } from './scenarios.js'
import { readSettings, type Settings, USAGE, UsageError } from './settings.js'
import { measureTraffic } from './traffic.js'

async function main({ minutes, scenario: wanted, seed, core, record: isRecorded }: Settings): Promise<void> {
  const until = performance.now() + minutes * 60_000
  const scenarios = SCENARIOS.filter(({ name }) => name.includes(wanted))
  const all: MeasuredScenario[] = []
  let violations = 0
  for (let round = seed; ; round++) {
    for (const scenario of scenarios) {
      const outcome = await run(scenario, { seed: round, core })
      console.log(lineOf(outcome))
      for (const violation of outcome.violations) console.log(describeViolation(violation))
      violations += outcome.violationCount
      if (round === seed) all.push(measured(outcome, scenario.workers, scenario.bound))
    }
    if (performance.now() >= until) break
  }
  if (wanted === '') {
    const invalidation = await measureLatency({ seed, watchers: 7, writes: 1_000, pause: 20, core })
    const { p50, p99, max, count } = invalidation.latency
    console.log(`an invalidation reaches another process: p50 ${p50}, p99 ${p99}, max ${max} ms, of ${count}`)
    const traffic = await measureTraffic(seed, core)
    console.log(
      `${traffic.writesPerSecond} writes a second cost each of ${traffic.processes} processes ${traffic.process} of a processor`,
    )
    if (isRecorded) await record(all, invalidation, traffic, await redisVersion())
  } else if (isRecorded) throw new UsageError('--record wants every scenario')
  if (violations > 0) process.exitCode = 1
}

async function redisVersion(): Promise<string> {
  const server = await startRedis()
  try {
    return /redis_version:(\S+)/.exec(String(await server.command('INFO', 'server')))?.[1] ?? 'unknown'
  } finally {
    await server.stop()
  }
}

try {
  const settings = readSettings(process.argv.slice(2))
  if (settings.help) console.log(USAGE)
  else await main(settings)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(error.message)
  process.exitCode = 2
}
