import { CONTRACT_COLUMNS, type ContractFigure, contractCells, explanationText } from './contract.js'
import type { ProgramReport } from './program.js'
import type { Results } from './results.js'
import { alignedLines, summaryLines } from './summary.js'

/** What a person reads at the end of a run. */
export function print({ rounds, quick, figures, measuredTwice, machine, programs, contract }: Results): void {
  if (figures.length > 0) {
    console.log(`\nBeside the floors: medians of ${rounds} interleaved rounds${quick ? ' (quick)' : ''}`)
    for (const line of summaryLines(figures)) console.log(line)
    if (measuredTwice.length > 0) {
      console.log(
        `\nMissed or undecided, and measured once more in new processes, all rounds together: ${measuredTwice.join(', ')}`,
      )
    }
  }
  for (const report of Object.values(programs)) printTables(report)
  if (contract.length > 0) printContract(contract)
  const { load, processors } = machine
  if (load > processors / 2) {
    console.log(`\nThe machine was busy before this began (load ${load} on ${processors} processors)`)
  }
}

function printTables({ tables }: ProgramReport): void {
  for (const { title, columns, rows, note } of tables) {
    console.log(`\n${title}`)
    for (const line of alignedLines([columns, ...rows.map((row) => row.map(String))])) console.log(`  ${line}`)
    if (note !== undefined) console.log(`  ${note}`)
  }
}

function printContract(contract: readonly ContractFigure[]): void {
  console.log("\nThe contract's figures")
  const [header = '', ...lines] = alignedLines([CONTRACT_COLUMNS, ...contract.map(contractCells)])
  console.log(`    ${header}`)
  for (const [index, figure] of contract.entries()) {
    if (figure.part !== contract[index - 1]?.part) console.log(`  ${figure.part}`)
    console.log(`    ${lines[index]}`)
    const explanation = explanationText(figure)
    if (explanation !== undefined) console.log(`      ${explanation}`)
  }
}

/** What is wrong with a run, a line each. Empty when every bound is held or explained. */
export function problemsOf({ contract, complaints }: Results): string[] {
  const missed = contract.filter(({ verdict }) => verdict === 'MISSED')
  return [
    ...missed.map((one) => {
      const [figure, measured, , bound] = contractCells(one)
      return `MISSED ${one.part}: ${figure} is ${measured}, should be ${bound}`
    }),
    ...complaints.map((complaint) => `Not what was meant to be measured: ${complaint}`),
  ]
}
