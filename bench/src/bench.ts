import { availableParallelism, loadavg } from 'node:os'
import { startRedis } from '@otel-cache/test-servers'
import { type GroupReport, GroupRun, type Pace } from './group-run.js'
import { groups } from './groups.js'
import { readSettings, type Settings, USAGE, UsageError } from './settings.js'
import { summaryLines } from './summary.js'
import { printTable } from './table.js'

/** mitata's own time for one case is 642. */
const PACES: Readonly<Record<'full' | 'quick', Pace>> = {
  full: { warmUp: 2_000, table: 642, rounds: 41, slice: 80 },
  quick: { warmUp: 700, table: 120, rounds: 11, slice: 60 },
}

/** All that was found, as `--json` prints it. */
interface Report extends GroupReport {
  readonly node: string
  readonly quick: boolean
  readonly rounds: number
  /** How many processes wanted a processor in the minute before, and how many processors there are. */
  readonly load: number
  readonly processors: number
}

async function main({ filter, quick, json }: Settings): Promise<void> {
  const pace = PACES[quick ? 'quick' : 'full']
  const [load = 0] = loadavg()
  const reports = await measureGroups(filter, pace)
  const report: Report = {
    node: process.version,
    quick,
    rounds: pace.rounds,
    load,
    processors: availableParallelism(),
    cases: reports.flatMap(({ cases }) => cases),
    figures: reports.flatMap(({ figures }) => figures),
    complaints: reports.flatMap(({ complaints }) => complaints),
  }
  print(report)
  if (json) console.log(JSON.stringify(report))
}

/** Measures group after group, while mitata prints its table. */
async function measureGroups(filter: string, pace: Pace): Promise<GroupReport[]> {
  // Without a handler Ctrl-C ends this process at once. Its workers notice that, and the server's watchdog ends Redis.
  const server = await startRedis()
  const reports: GroupReport[] = []
  let run: GroupRun | undefined
  try {
    const chosen = groups.filter(({ name }) => name.includes(filter))
    await printTable(chosen, async (group, one) => {
      run ??= await GroupRun.start(group, server.url, pace)
      const stats = await run.mitata(one)
      if (one === group.cases.at(-1)) {
        reports.push(await run.rounds(progress))
        run.stop()
        run = undefined
      }
      return stats
    })
  } finally {
    run?.stop()
    await server.stop()
  }
  return reports
}

/** For a person at a terminal, on a line that is overwritten. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

function print({ rounds, quick, figures, load, processors, complaints }: Report): void {
  console.log(`\nAgainst the floors: medians of ${rounds} interleaved rounds${quick ? ' (quick)' : ''}`)
  for (const line of summaryLines(figures)) console.log(line)
  if (load > processors / 2) {
    console.log(`\nThe machine was busy before this began (load ${load.toFixed(1)} on ${processors} processors)`)
  }
  for (const complaint of complaints) console.log(`\nNot what was meant to be measured: ${complaint}`)
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
