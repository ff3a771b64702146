import type { Deed } from './history.js'
import { KIND, nameOf } from './journal.js'
import { SUBJECTS, tagName } from './layout.js'
import type { Violation } from './oracle.js'
import type { Outcome } from './run.js'

/** One scenario in one line. */
export function lineOf(outcome: Outcome): string {
  const { name, duration, operations, changes, loads, doubleLoads, staleness, ofStale, memoryShare, errors } = outcome
  const verdict =
    outcome.violationCount === 0 ? 'ok' : `${outcome.violationCount} VIOLATIONS ${JSON.stringify(outcome.rules)}`
  const parts = [
    `${(duration / 1_000).toFixed(0)} s`,
    `${operations} operations`,
    `${changes} changes`,
    `${loads} loads (${doubleLoads} double)`,
    `${(memoryShare * 100).toFixed(0)} % from memory`,
    `${errors} errors`,
    `stale: ${ofStale.count} reads, p50 ${staleness.p50}, p99 ${staleness.p99}, max ${staleness.max} ms`,
    `of the stale p50 ${ofStale.p50}, p99 ${ofStale.p99} ms`,
  ]
  return `${name.padEnd(30)} ${verdict}  ${parts.join(', ')}`
}

/** A violation with all that is known of it. Times are milliseconds before the read. */
export function describeViolation({ rule, read, change, age, history }: Violation): string {
  const of = SUBJECTS[read.subject]?.key ?? String(read.subject)
  const lines = [
    `${rule}: process ${read.process} read ${valueName(read.value)} under ${of} (${nameOf(read.kind)})`,
    ...(change === undefined ? [] : [`  replaced ${age.toFixed(2)} ms before by: ${describeDeed(change, read)}`]),
    `  read ${describeDeed(read, read)}`,
    ...history.map((deed) => `    ${describeDeed(deed, read)}`),
  ]
  return lines.join('\n')
}

function describeDeed({ process, kind, subject, start, end, value, extra }: Deed, read: Deed): string {
  const at = (time: number): string => (time - read.start).toFixed(2)
  const times = end === 0 ? at(start) : `${at(start)} to ${at(end)}`
  const isChange = kind >= KIND.set && kind <= KIND.clear
  const outcome = isChange ? (extra === 1 ? ' true' : ' FALSE') : kind <= KIND.peek ? `, turn ${at(extra)}` : ''
  const what = kind === KIND.deleteByTag ? ` ${tagName(subject)}` : ''
  return `[${times}] process ${process} ${nameOf(kind)}${what} ${value > 0 ? valueName(value) : ''}${outcome}`
}

/** Process and number, as they were put together. */
function valueName(value: number): string {
  return `${Math.floor(value / 2 ** 32)}#${value % 2 ** 32}`
}
