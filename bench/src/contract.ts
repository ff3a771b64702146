import { type Explanation, explained } from './explained.js'
import type { FigureKind } from './group.js'
import type { BoundCheck, ProgramReport } from './program.js'
import type { Result } from './summary.js'

type Verdict = 'held' | 'held within the spread' | 'undecided' | 'missed, explained' | 'MISSED'

/** A figure of the contract, judged. */
export interface ContractFigure extends BoundCheck {
  /** The group or program that measured it. */
  readonly part: string
  readonly verdict: Verdict
  /** Of what is missed and has one. */
  readonly explanation?: {
    /** What is bounded instead: this figure by a wider limit, or another floor's. */
    readonly left: BoundCheck
    /** Of this figure itself, where another is bounded instead. */
    readonly cap?: number
    readonly reason: string
  }
}

/** All that the contract bounds, of what was measured. */
export function contractFigures(
  results: readonly Result[],
  programs: Readonly<Record<string, ProgramReport>>,
  explanations: readonly Explanation[] = explained,
): ContractFigure[] {
  const checks = [
    ...results.flatMap((result) =>
      result.bound === undefined ? [] : [{ part: result.group, check: checkOf(result, result.bound.limit) }],
    ),
    ...Object.entries(programs).flatMap(([part, { bounds }]) => bounds.map((check) => ({ part, check }))),
  ]
  return checks.map(({ part, check }) => {
    const explanation = explanations.find((one) => one.part === part && one.figure === check.figure)
    return {
      part,
      ...check,
      ...judge(check, explanation && { left: leftOf(explanation, check, results), ...explanation }),
    }
  })
}

function leftOf({ part, limit, instead }: Explanation, check: BoundCheck, results: readonly Result[]): BoundCheck {
  if (instead === undefined) return { ...check, limit }
  const found = results.find((result) => result.group === part && figureOf(result) === instead)
  if (found === undefined) throw new Error(`'${part}' has no figure '${instead}'`)
  return checkOf(found, limit)
}

/** Where nobody can tell on which side of its bound a figure lies, it is neither held nor missed. */
function judge(
  check: BoundCheck,
  explanation: ContractFigure['explanation'],
): Pick<ContractFigure, 'verdict' | 'explanation'> {
  if (holds(check)) return { verdict: isUnsure(check) ? 'held within the spread' : 'held' }
  if (isUnsure(check)) return { verdict: 'undecided' }
  if (explanation === undefined) return { verdict: 'MISSED' }
  const { left, cap, reason } = explanation
  const isWithinCap = cap === undefined || holds({ ...check, limit: cap })
  const isExplained = isWithinCap && (holds(left) || isUnsure(left))
  return {
    verdict: isExplained ? 'missed, explained' : 'MISSED',
    explanation: { left, ...(cap !== undefined && { cap }), reason },
  }
}

function holds({ kind, limit, measured }: BoundCheck): boolean {
  if (kind === 'at least') return measured >= limit
  return kind === 'under' ? measured < limit : measured <= limit
}

/**
 * Whether the bound lies where the median may be: within its notch in a box plot (McGill, Tukey and Larsen, 1978), some
 * 95 %, or between what two sets of processes gave.
 */
function isUnsure({ measured, low, high, rounds, apart = 0, limit }: BoundCheck): boolean {
  if (low === undefined || high === undefined || rounds === undefined) return false
  return Math.abs(measured - limit) <= Math.max(apart, (1.57 * (high - low)) / Math.sqrt(rounds))
}

const KINDS: Readonly<Record<FigureKind, Pick<BoundCheck, 'kind' | 'unit'>>> = {
  time: { kind: 'at most', unit: 'x' },
  throughput: { kind: 'at least', unit: 'x' },
  added: { kind: 'under', unit: 'ns' },
}

function checkOf(result: Result, limit: number): BoundCheck {
  const { kind, value, low, high, rounds, apart } = result
  return { figure: figureOf(result), ...KINDS[kind], measured: value, low, high, rounds, apart, limit }
}

function figureOf({ kind, subject, floor }: Result): string {
  return `${subject}${{ time: ' / ', throughput: ', throughput of ', added: ' less ' }[kind]}${floor}`
}

const SIGNS: Readonly<Record<BoundCheck['kind'], string>> = { 'at most': '≤', 'at least': '≥', under: '<' }

/** The columns of the contract's table, as text. */
export const CONTRACT_COLUMNS = ['figure', 'measured', 'middle half', 'bound', ''] as const

export function contractCells(figure: ContractFigure): string[] {
  const { unit, low, high, kind, limit, measured } = figure
  const middle = low === undefined || high === undefined ? '' : `${amount(low, unit)} … ${amount(high, unit)}`
  return [figure.figure, amount(measured, unit), middle, `${SIGNS[kind]} ${amount(limit, unit)}`, figure.verdict]
}

/** What stands below a figure that is missed or undecided, or undefined. */
export function explanationText({ figure, explanation, verdict }: ContractFigure): string | undefined {
  if (verdict === 'undecided') return 'the bound lies where the median of these rounds may be: this run cannot tell'
  if (explanation === undefined) return undefined
  const { left, cap, reason } = explanation
  const { kind, unit, limit, measured } = left
  const beyond = verdict === 'MISSED' ? 'beyond what is explained, ' : ''
  const instead = left.figure === figure ? '' : `${left.figure} is ${amount(measured, unit)}, `
  const itself = cap === undefined ? '' : `; itself ${SIGNS[kind]} ${amount(cap, unit)}`
  return `${beyond}${instead}${SIGNS[kind]} ${amount(limit, unit)}${itself}: ${reason}`
}

function amount(value: number, unit: BoundCheck['unit']): string {
  if (unit === 'ns' && Math.abs(value) >= 1e5) return `${digits(value / 1e6)} ms`
  return unit === 'x' ? `${digits(value)}x` : `${digits(value)} ${unit}`
}

function digits(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en')
  return String(Number(value.toPrecision(3)))
}
