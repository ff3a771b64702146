import { availableParallelism, loadavg } from 'node:os'
import { startRedis } from '@otel-cache/test-servers'
import { emptied, type GroupReport, GroupRun, type Pace } from './group-run.js'
import { groups } from './groups.js'
import type { ProgramReport } from './program.js'
import { programs } from './programs.js'
import { readSettings, type Settings, USAGE, UsageError } from './settings.js'
import { alignedLines, summaryLines } from './summary.js'
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
  /** By the program's name. */
  readonly programs: Readonly<Record<string, ProgramReport>>
}

async function main({ filter, quick, json }: Settings): Promise<void> {
  const pace = PACES[quick ? 'quick' : 'full']
  const [load = 0] = loadavg()
  // Without a handler Ctrl-C ends this process at once. Its workers notice that, and the server's watchdog ends Redis.
  const server = await startRedis()
  let reports: GroupReport[]
  let found: Record<string, ProgramReport>
  try {
    reports = await measureGroups(filter, pace, server.url)
    found = await runPrograms(filter, quick, server.url)
  } finally {
    await server.stop()
  }
  const report: Report = {
    node: process.version,
    quick,
    rounds: pace.rounds,
    load,
    processors: availableParallelism(),
    cases: reports.flatMap(({ cases }) => cases),
    figures: reports.flatMap(({ figures }) => figures),
    complaints: [...reports, ...Object.values(found)].flatMap(({ complaints }) => complaints),
    programs: found,
  }
  print(report)
  if (json) console.log(JSON.stringify(report))
}

/** Measures group after group, while mitata prints its table. */
async function measureGroups(filter: string, pace: Pace, redisUrl: string): Promise<GroupReport[]> {
  const reports: GroupReport[] = []
  let run: GroupRun | undefined
  try {
    const chosen = groups.filter(({ name }) => name.includes(filter))
    await printTable(chosen, async (group, one) => {
      run ??= await GroupRun.start(group, redisUrl, pace)
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
  }
  return reports
}

async function runPrograms(filter: string, quick: boolean, redisUrl: string): Promise<Record<string, ProgramReport>> {
  const reports: Record<string, ProgramReport> = {}
  for (const program of programs.filter(({ name }) => name.includes(filter))) {
    const { name } = program
    await emptied(redisUrl)
    reports[name] = await program.run({
      redisUrl,
      quick,
      progress: (done, text) => progress(`${name}: ${Math.round(done * 100)} %, ${text}`),
    })
    progress('')
  }
  return reports
}

/** For a person at a terminal, on a line that is overwritten. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

function print({ rounds, quick, figures, load, processors, complaints, programs }: Report): void {
  console.log(`\nAgainst the floors: medians of ${rounds} interleaved rounds${quick ? ' (quick)' : ''}`)
  for (const line of summaryLines(figures)) console.log(line)
  for (const { tables } of Object.values(programs)) {
    for (const { title, columns, rows, note } of tables) {
      console.log(`\n${title}`)
      for (const line of alignedLines([columns, ...rows.map((row) => row.map(String))])) console.log(`  ${line}`)
      if (note !== undefined) console.log(`  ${note}`)
    }
  }
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
