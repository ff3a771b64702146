import type { RedisServer } from '@otel-cache/test-servers'
import { contractFigures } from './contract.js'
import type { Group } from './group.js'
import { emptied, type GroupReport, GroupRun, type Pace } from './group-run.js'
import { groups } from './groups.js'
import { machineOf } from './machine.js'
import type { Program, ProgramContext, ProgramReport } from './program.js'
import { programs } from './programs.js'
import { noProgress, progress } from './progress.js'
import type { Results } from './results.js'
import { printTable } from './table.js'

/** mitata's own time for one case is 642. */
const PACES: Readonly<Record<'full' | 'quick', Pace>> = {
  full: { warmUp: 1_500, longestWarmUp: 10_000, table: 642, rounds: 33, slice: 80, warmAgain: 3_000 },
  quick: { warmUp: 800, longestWarmUp: 4_000, table: 60, rounds: 15, slice: 40, warmAgain: 1_000 },
}

/** Measures the groups and programs whose name contains the filter. */
export async function measureAll(filter: string, quick: boolean, server: RedisServer): Promise<Results> {
  const pace = PACES[quick ? 'quick' : 'full']
  const machine = await machineOf(server)
  const reports = await measureGroups(filter, quick, pace, server.url)
  const found = await runPrograms(filter, quick, server.url)
  const figures = reports.flatMap((report) => report.figures)
  return {
    machine,
    quick,
    rounds: pace.rounds,
    cases: reports.flatMap(({ cases }) => cases),
    figures,
    measuredTwice: reports.flatMap(({ measuredTwice }) => measuredTwice),
    complaints: [...reports, ...Object.values(found)].flatMap(({ complaints }) => complaints),
    programs: found,
    contract: contractFigures(figures, found),
  }
}

/** Measures group after group, while mitata prints its table. */
async function measureGroups(filter: string, quick: boolean, pace: Pace, redisUrl: string): Promise<GroupReport[]> {
  const chosen = groups.filter((one) => one.name.includes(filter) && !isLeftOut(one, filter, quick))
  if (chosen.length === 0) return []
  const reports: GroupReport[] = []
  let run: GroupRun | undefined
  try {
    await printTable(chosen, async (group, one) => {
      if (run === undefined) {
        progress(0, `${group.name}: warming up`)
        run = new GroupRun(group, redisUrl)
        await run.start(pace)
      }
      progress(group.cases.indexOf(one) / group.cases.length, `${group.name}: ${one.name}`)
      const stats = await run.mitata(one, pace.table)
      if (one === group.cases.at(-1)) {
        const onRound = (done: number): void => progress(done / pace.rounds, `${group.name}: round ${done}`)
        await run.rounds(pace, onRound)
        if (isMissed(run.report())) {
          await run.start(PACES.full)
          await run.rounds(pace, onRound)
        }
        reports.push(run.report())
        run.stop()
        run = undefined
      }
      noProgress()
      return stats
    })
  } finally {
    run?.stop()
  }
  return reports
}

/** Then it is measured once more, in new processes: what V8 and the machine made of the first ones may be chance. */
function isMissed({ figures }: GroupReport): boolean {
  return contractFigures(figures, {}).some(({ verdict }) => verdict === 'MISSED')
}

async function runPrograms(filter: string, quick: boolean, redisUrl: string): Promise<Record<string, ProgramReport>> {
  const reports: Record<string, ProgramReport> = {}
  const chosen = programs.filter((one) => one.name.includes(filter) && !isLeftOut(one, filter, quick))
  for (const program of chosen) {
    const { name } = program
    await emptied(redisUrl)
    progress(0, name)
    reports[name] = await reportOf(program, {
      redisUrl,
      quick,
      progress: (done, text) => progress(done, `${name}: ${Math.round(done * 100)} %, ${text}`),
    })
    noProgress()
  }
  return reports
}

/** One that fails is told of at the end: what the others have found in a quarter of an hour is not lost for it. */
async function reportOf(program: Program, context: ProgramContext): Promise<ProgramReport> {
  try {
    return await program.run(context)
  } catch (error) {
    return { tables: [], bounds: [], complaints: [`${program.name} failed: ${(error as Error).stack ?? error}`] }
  }
}

/** What a quick run of everything has no time for. */
export function isLeftOut({ isLong }: Pick<Group | Program, 'isLong'>, filter: string, quick: boolean): boolean {
  return isLong === true && quick && filter === ''
}
