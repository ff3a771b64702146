import { inTime } from './child.js'
import { contractFigures } from './contract.js'
import type { Group } from './group.js'
import { emptied, type GroupReport, GroupRun, type Pace } from './group-run.js'
import { groups } from './groups.js'
import type { MitataStats } from './measure.js'
import type { Program, ProgramReport } from './program.js'
import { programs } from './programs.js'
import { noProgress, progress } from './progress.js'
import type { Results } from './results.js'
import { printTable } from './table.js'

/** mitata's own time for one case is 642. */
const PACES: Readonly<Record<'full' | 'quick', Pace>> = {
  full: { warmUp: 1_500, longestWarmUp: 10_000, table: 642, rounds: 33, slice: 80, warmAgain: 3_000 },
  quick: { warmUp: 800, longestWarmUp: 4_000, table: 60, rounds: 15, slice: 40, warmAgain: 1_000 },
}

/** Milliseconds; four times what the longest one takes. */
const LONGEST_PROGRAM = 600_000

/** Measures the groups and programs whose name contains the filter. */
export async function measureAll(filter: string, quick: boolean, redisUrl: string): Promise<Omit<Results, 'machine'>> {
  const pace = PACES[quick ? 'quick' : 'full']
  const failed = new Map<string, unknown>()
  const reports = await measureGroups(filter, quick, pace, redisUrl, failed)
  const found = await runPrograms(filter, quick, redisUrl, failed)
  const figures = reports.flatMap((report) => report.figures)
  return {
    quick,
    rounds: pace.rounds,
    cases: reports.flatMap(({ cases }) => cases),
    figures,
    measuredTwice: reports.flatMap(({ measuredTwice }) => measuredTwice),
    complaints: [
      ...reports.flatMap(({ complaints }) => complaints),
      ...Object.entries(found).flatMap(([name, { complaints }]) => complaints.map((one) => `${name}, ${one}`)),
      ...Array.from(failed, ([name, error]) => `${name} failed: ${(error as Error).stack ?? error}`),
    ],
    failed: [...failed.keys()],
    programs: found,
    contract: contractFigures(figures, found),
  }
}

/** By the names of the parts: what the others find in a quarter of an hour is not lost for one that fails. */
type Failed = Map<string, unknown>

/** Measures group after group, while mitata prints its table. */
async function measureGroups(
  filter: string,
  quick: boolean,
  pace: Pace,
  redisUrl: string,
  failed: Failed,
): Promise<GroupReport[]> {
  const chosen = groups.filter((one) => one.name.includes(filter) && !isLeftOut(one, filter, quick))
  if (chosen.length === 0) return []
  const reports: GroupReport[] = []
  await printTable(chosen, async (group) => {
    const run = new GroupRun(group, redisUrl)
    try {
      const stats = await measureGroup(group, run, pace)
      reports.push(run.report())
      return stats
    } catch (error) {
      failed.set(group.name, error)
      throw error
    } finally {
      run.stop()
      noProgress()
    }
  })
  return reports
}

async function measureGroup({ name, cases }: Group, run: GroupRun, pace: Pace): Promise<readonly MitataStats[]> {
  progress(0, `${name}: warming up`)
  await run.start(pace)
  const stats = await run.mitata(pace.table, (done, one) => progress(done / cases.length, `${name}: ${one}`))
  const onRound = (done: number): void => progress(done / pace.rounds, `${name}: round ${done}`)
  await run.rounds(pace, onRound)
  if (isDoubtful(run.report(), pace)) {
    await run.start(PACES.full)
    await run.rounds(pace, onRound)
  }
  return stats
}

/** Then it is measured once more, in new processes: what V8 and the machine made of the first ones may be chance. */
function isDoubtful({ figures }: GroupReport, pace: Pace): boolean {
  const doubtful = pace === PACES.quick ? ['MISSED'] : ['MISSED', 'undecided']
  return contractFigures(figures, {}).some(({ verdict }) => doubtful.includes(verdict))
}

async function runPrograms(
  filter: string,
  quick: boolean,
  redisUrl: string,
  failed: Failed,
): Promise<Record<string, ProgramReport>> {
  const reports: Record<string, ProgramReport> = {}
  const chosen = programs.filter((one) => one.name.includes(filter) && !isLeftOut(one, filter, quick))
  for (const { name, run } of chosen) {
    progress(0, name)
    try {
      await emptied(redisUrl)
      const running = run({
        redisUrl,
        quick,
        progress: (done, text) => progress(done, `${name}: ${Math.round(done * 100)} %, ${text}`),
      })
      reports[name] = await inTime(running, LONGEST_PROGRAM, 'it did not end')
    } catch (error) {
      failed.set(name, error)
    }
    noProgress()
  }
  return reports
}

/** What a quick run of everything has no time for. */
export function isLeftOut({ isLong }: Pick<Group | Program, 'isLong'>, filter: string, quick: boolean): boolean {
  return isLong === true && quick && filter === ''
}
