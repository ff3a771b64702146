import { startRedis } from '@otel-cache/test-servers'
import { groups } from './groups.js'
import { machineOf } from './machine.js'
import { print, problemsOf } from './print.js'
import { programs } from './programs.js'
import { checkMachine, type Results, readResults, withParts, writeResults } from './results.js'
import { isLeftOut, measureAll } from './run.js'
import { readSettings, type Settings, USAGE, UsageError } from './settings.js'

async function main({ filter, quick, json, save }: Settings): Promise<void> {
  // Without a handler Ctrl-C ends this process at once. Its workers notice that, and the server's watchdog ends Redis.
  const server = await startRedis()
  let results: Results
  try {
    const machine = await machineOf(server)
    if (save && filter !== '') checkMachine(readResults(), machine)
    results = { machine, ...(await measureAll(filter, quick, server.url)) }
  } finally {
    await server.stop()
  }
  print(results)
  const leftOut = [...groups, ...programs].filter((one) => isLeftOut(one, filter, quick)).map(({ name }) => name)
  if (leftOut.length > 0) console.log(`\nLeft out of --quick, for --filter to name: ${leftOut.join(', ')}`)
  if (save && results.failed.length > 0) console.error(`Not kept: ${results.failed.join(', ')} failed`)
  else if (save) {
    writeResults(filter === '' ? results : withParts(readResults(), results))
    // Not before: what draws is large, and has no place in a process that measures.
    const { writeReport } = await import('./report/write-report.js')
    await writeReport()
  }
  if (json) console.log(JSON.stringify(results))
  const problems = problemsOf(results)
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
  // A part that failed may have left clients behind that look for their Redis for ever.
  process.stdout.write('', () => process.exit())
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
