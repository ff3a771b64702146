import { type Explanation, explained } from './explained.js'
import type { FigureKind } from './group.js'
import type { BoundCheck, ProgramReport } from './program.js'
import type { Result } from './summary.js'

type Verdict = 'held' | 'held within the spread' | 'missed, explained' | 'MISSED'

/** A figure of the contract, judged. */
export interface ContractFigure extends BoundCheck {
  /** The group or program that measured it. */
  readonly part: string
  readonly verdict: Verdict
  /** Of what is missed and explained. */
  readonly explanation?: Pick<Explanation, 'limit' | 'reason'>
}

/** All that the contract bounds, of what was measured. */
export function contractFigures(
  results: readonly Result[],
  programs: Readonly<Record<string, ProgramReport>>,
  explanations: readonly Explanation[] = explained,
): ContractFigure[] {
  const checks = [
    ...results.flatMap((result) => checkOf(result).map((check) => ({ part: result.group, check }))),
    ...Object.entries(programs).flatMap(([part, { bounds }]) => bounds.map((check) => ({ part, check }))),
  ]
  return checks.map(({ part, check }) => {
    const explanation = explanations.find((one) => one.part === part && one.figure === check.figure)
    return { part, ...check, ...judge(check, explanation) }
  })
}

/** Where the bound lies among the middle half of the rounds, nobody can tell: that is not missed. */
function judge(
  check: BoundCheck,
  explanation: Explanation | undefined,
): Pick<ContractFigure, 'verdict' | 'explanation'> {
  if (holds(check, check.measured)) return { verdict: isUnsure(check) ? 'held within the spread' : 'held' }
  if (isUnsure(check)) return { verdict: 'held within the spread' }
  if (explanation === undefined) return { verdict: 'MISSED' }
  const { limit, reason } = explanation
  const left = { ...check, limit }
  const isExplained = holds(left, check.measured) || isUnsure(left)
  return { verdict: isExplained ? 'missed, explained' : 'MISSED', explanation: { limit, reason } }
}

function holds({ kind, limit }: BoundCheck, measured: number): boolean {
  if (kind === 'at least') return measured >= limit
  return kind === 'under' ? measured < limit : measured <= limit
}

function isUnsure({ low, high, limit }: BoundCheck): boolean {
  return low !== undefined && high !== undefined && low <= limit && limit <= high
}

const KINDS: Readonly<Record<FigureKind, Pick<BoundCheck, 'kind' | 'unit'>>> = {
  time: { kind: 'at most', unit: 'x' },
  throughput: { kind: 'at least', unit: 'x' },
  added: { kind: 'under', unit: 'ns' },
}

function checkOf({ kind, subject, floor, bound, value, low, high }: Result): BoundCheck[] {
  if (bound === undefined) return []
  const joint = { time: ' / ', throughput: ', throughput of ', added: ' less ' }[kind]
  return [{ figure: `${subject}${joint}${floor}`, ...KINDS[kind], measured: value, low, high, limit: bound.limit }]
}

const SIGNS: Readonly<Record<BoundCheck['kind'], string>> = { 'at most': '≤', 'at least': '≥', under: '<' }

/** The columns of the contract's table, as text. */
export const CONTRACT_COLUMNS = ['figure', 'measured', 'middle half', 'bound', ''] as const

export function contractCells(figure: ContractFigure): string[] {
  const { unit, low, high, kind, limit, measured } = figure
  const middle = low === undefined || high === undefined ? '' : `${amount(low, unit)} … ${amount(high, unit)}`
  return [figure.figure, amount(measured, unit), middle, `${SIGNS[kind]} ${amount(limit, unit)}`, figure.verdict]
}

/** What stands below a figure that is missed, or undefined. */
export function explanationText({ kind, unit, explanation, verdict }: ContractFigure): string | undefined {
  if (explanation === undefined) return undefined
  const beyond = verdict === 'MISSED' ? 'beyond what is explained, ' : ''
  return `${beyond}${SIGNS[kind]} ${amount(explanation.limit, unit)}: ${explanation.reason}`
}

function amount(value: number, unit: BoundCheck['unit']): string {
  if (unit === 'ns' && Math.abs(value) >= 1e5) return `${digits(value / 1e6)} ms`
  return unit === 'x' ? `${digits(value)}x` : `${digits(value)} ${unit}`
}

function digits(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}
