import { CONTRACT_COLUMNS, type ContractFigure, contractCells, explanationText } from '../contract.js'
import type { ProgramReport, Table } from '../program.js'
import type { Results } from '../results.js'
import { FLOORS_COLUMNS, floorsCells } from '../summary.js'
import { columnChart, contractPicture, pictureOf } from './charts.js'
import { QUOTED } from './quoted.js'

/** Where a figure of the results begins and ends in a page; what lies between is written by nobody. */
const BLOCK = /(<!-- figures: ([\w-]+) -->)[\s\S]*?(<!-- end of figures -->)/g

/** The page with its figures as the results have them. */
export function renewed(page: string, results: Results): string {
  const ownBlocks = [...page.matchAll(BLOCK)].map(([, , name = '']) => name)
  return page.replace(BLOCK, (_, begin: string, name: string, end: string) => {
    return `${begin}\n\n${block(name, results, ownBlocks)}\n\n${end}`
  })
}

function block(name: string, results: Results, ownBlocks: readonly string[]): string {
  const { programs, contract } = results
  if (name === 'machine') return machineLines(results)
  if (name === 'contract') return contractPart(contract)
  if (name === 'floors') return floorsTable(results)
  if (name === 'others') {
    const others = Object.entries(programs).filter(([program]) => !ownBlocks.includes(program))
    return others.map(([program, report]) => `### ${program}\n\n${programPart(report)}`).join('\n\n')
  }
  const [columns, ...rows] = QUOTED[name]?.(results) ?? []
  if (columns !== undefined) return markdownTable({ columns, rows })
  const report = programs[name]
  if (report === undefined) throw new Error(`docs: no program is called '${name}'`)
  return programPart(report)
}

function machineLines({ machine, quick, rounds, measuredTwice, complaints, renewed = {} }: Results): string {
  const { cpu, processors, memory, os, load, date, versions } = machine
  const rows = Object.entries({
    machine: `${cpu}, ${processors} processors, ${memory} GiB, ${os}`,
    versions: Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    date: `${date}, ${load} processes wanting a processor before it began`,
    run: `\`pnpm bench ${quick ? '--quick ' : ''}--save\`, ${rounds} interleaved rounds${
      measuredTwice.length === 0 ? '' : `, twice as many of ${measuredTwice.join(', ')}`
    }`,
  })
  const anew = Object.entries(renewed).map(([part, when]) => `${part} ${when}`)
  if (anew.length > 0) rows.push(['measured anew', anew.join(', ')])
  const table = markdownTable({ columns: ['', ''], rows })
  const doubts = complaints.map((complaint) => `- Not what was meant to be measured: ${complaint}`)
  return doubts.length === 0 ? table : `${table}\n\n${doubts.join('\n')}`
}

function contractPart(contract: readonly ContractFigure[]): string {
  const explanations = contract.map((figure) => [figure.part, explanationText(figure)] as const)
  const texts = explanations.flatMap(([part, text]) => (text === undefined ? [] : [`${part}: ${text}.`]))
  return [contractPicture(), contractSummary(contract), contractTable(contract), ...new Set(texts)].join('\n\n')
}

function contractSummary(contract: readonly ContractFigure[]): string {
  const counts = new Map<string, number>()
  for (const { verdict } of contract) counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
  const parts = [...counts].map(([verdict, count]) => `${count} ${verdict === 'MISSED' ? '**missed**' : verdict}`)
  return `Of ${contract.length} figures: ${parts.join('; ')}.`
}

function contractTable(contract: readonly ContractFigure[]): string {
  const rows = contract.map((figure, index) => {
    const [name = '', measured = '', middle = '', bound = '', verdict] = contractCells(figure)
    const part = figure.part === contract[index - 1]?.part ? '' : figure.part
    return [part, name, measured, middle, bound, verdict === 'MISSED' ? '**missed**' : `${verdict}`]
  })
  return markdownTable({ columns: ['part', ...CONTRACT_COLUMNS], rows })
}

function floorsTable({ figures }: Results): string {
  const rows = figures.map((result, index) => [
    result.group === figures[index - 1]?.group ? '' : result.group,
    ...floorsCells(result).map((cell) => cell.trim()),
  ])
  return markdownTable({ columns: ['group', 'what', ...FLOORS_COLUMNS.slice(1)], rows })
}

function programPart({ tables, charts = [] }: ProgramReport): string {
  const pictures = charts.map(({ name, title }) => pictureOf(name, title))
  const texts = tables.map((table) => {
    const note = table.note === undefined ? '' : `\n\n${table.note}`
    const chart = columnChart(table)
    const heading = chart === undefined ? `**${table.title}**` : pictureOf(chart.name, chart.title)
    return `${heading}\n\n${markdownTable(table)}${note}`
  })
  return [...pictures, ...texts].join('\n\n')
}

function markdownTable({ columns, rows }: Pick<Table, 'columns' | 'rows'>): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.map(cellText).join(' | ')} |`
  const isNumber = (column: number): boolean => rows.every((row) => typeof row[column] === 'number')
  const rule = columns.map((_, column) => (isNumber(column) ? '--:' : '---'))
  return [line(columns), line(rule), ...rows.map(line)].join('\n')
}

function cellText(cell: string | number): string {
  if (typeof cell === 'number') return cell.toLocaleString('en', { maximumFractionDigits: 9 })
  return cell.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
