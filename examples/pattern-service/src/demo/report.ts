import { type Figures, findProblems } from './figures.js'
import type { Percentiles } from './percentiles.js'
import { FAMILIES, type Family, type Sample, samplesOf } from './scrape.js'

/** The same on every line, and longer than what matters. */
const SCOPE_LABELS = /,otel_scope_\w+="[^"]*"/g

/** The outcome of a run, for a person. */
export function report(figures: Figures, samples: readonly Sample[]): string {
  const { before, after, hits, misses, errors } = figures
  const speedUp = (key: keyof Percentiles): string => `${count(before[key] / after[key])}x`
  const problems = findProblems(figures)
  return [
    row('', 'requests', 'p50', 'p95', 'p99'),
    latencyRow('before (misses)', figures.patterns, before),
    latencyRow('after (hits)', figures.requests, after),
    row('speed-up', '', speedUp('p50'), speedUp('p95'), speedUp('p99')),
    '',
    `Hit ratio ${hitRatio(hits, misses)}: ${count(hits)} hits, ${count(misses)} misses, ${count(errors)} errors`,
    '',
    'What the metrics port says (without the buckets of histograms and the labels of the OpenTelemetry scope):',
    ...FAMILIES.flatMap((family) => linesOf(family, samples)),
    '',
    ...(problems.length === 0 ? ['All five metrics are there, and they count what happened.'] : problems.map(wrong)),
  ].join('\n')
}

function row(label: string, ...cells: string[]): string {
  return label.padEnd(16) + cells.map((cell) => cell.padStart(12)).join('')
}

function latencyRow(label: string, requests: number, { p50, p95, p99 }: Percentiles): string {
  return row(label, count(requests), ...[p50, p95, p99].map((value) => `${value.toFixed(2)} ms`))
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}

function hitRatio(hits: number, misses: number): string {
  return `${((100 * hits) / (hits + misses)).toFixed(1)} %`
}

/** Most series are 0, which is worth knowing and not worth a line each. */
function linesOf(family: Family, samples: readonly Sample[]): string[] {
  const all = samplesOf(family, samples)
  const shown = all.some(isCounted) ? all.filter(isCounted) : all.slice(0, 1)
  const hidden = all.length - shown.length
  const rest = hidden > 0 ? [`  # and ${hidden} more of ${family}, all 0`] : []
  return [...shown.map((sample) => `  ${sample.line.replace(SCOPE_LABELS, '')}`), ...rest]
}

function isCounted(sample: Sample): boolean {
  return sample.value !== 0
}

function wrong(problem: string): string {
  return `WRONG: ${problem}`
}
