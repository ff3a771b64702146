import type { Exemplar } from '../exemplars.js'
import type { Family, HistogramValue } from './family.js'
import { escapeLabel } from './labels.js'
import { Utf8Text } from './utf8-text.js'

/** Prometheus's text format 0.0.4, or OpenMetrics 1.0.0. */
export type Format = 'text' | 'openmetrics'

/** The whole of what a scrape answers, in UTF-8. */
export function write(families: Iterable<Family>, format: Format): Uint8Array {
  const text = new Utf8Text()
  for (const family of families) {
    if (family.series.size > 0) text.add(format === 'text' ? header(family) : openMetricsHeader(family))
    for (const [labels, value] of family.series) {
      text.add(
        typeof value === 'number'
          ? `${family.name}${labels && `{${labels}}`} ${number(value)}\n`
          : histogram(family.name, labels, value, format),
      )
    }
  }
  if (format === 'openmetrics') text.add('# EOF\n')
  return text.bytes
}

function header({ name, type, help }: Family): string {
  const known = type === 'updowncounter' || type === 'info' ? 'gauge' : type
  return `${help && `# HELP ${name} ${escapeHelp(help)}\n`}# TYPE ${name} ${known}\n`
}

/** What the samples of a family add to its name is not part of it, in OpenMetrics. */
function openMetricsHeader({ name, type, help, unit }: Family): string {
  const family = type === 'counter' || type === 'info' ? name.slice(0, name.lastIndexOf('_')) : name
  const word = UNITS[unit]
  return [
    `# TYPE ${family} ${type === 'updowncounter' ? 'gauge' : type}\n`,
    word !== undefined && family.endsWith(`_${word}`) ? `# UNIT ${family} ${word}\n` : '',
    help && `# HELP ${family} ${escapeHelp(help).replace(/"/g, '\\"')}\n`,
  ].join('')
}

/** OpenMetrics allows a unit only where the name ends in it. */
const UNITS: Readonly<Record<string, string>> = {
  s: 'seconds',
  ms: 'milliseconds',
  By: 'bytes',
  '1': 'ratio',
}

function histogram(name: string, labels: string, value: HistogramValue, format: Format): string {
  const { bounds, counts, sum } = value
  const exemplars = format === 'openmetrics' ? exemplarsByBucket(value) : NONE
  const suffixes = bucketSuffixes(bounds, format)
  const bucket = `${name}_bucket{${labels}${labels && ','}`
  const braced = labels && `{${labels}}`
  let text = ''
  let count = 0
  for (let index = 0; index < counts.length; index++) {
    count += counts[index] as number
    // An explicit infinite bound leaves nothing above it.
    if (bounds[index] !== Number.POSITIVE_INFINITY) {
      text += `${bucket}${suffixes[index]}${count}${exemplars.get(index) ?? ''}\n`
    }
  }
  if (sum !== undefined) text += `${name}_sum${braced} ${number(sum)}\n`
  // In OpenMetrics a count without a sum is refused.
  return sum === undefined && format === 'openmetrics' ? text : `${text}${name}_count${braced} ${count}\n`
}

const NONE: ReadonlyMap<number, string> = new Map()
const suffixes = { text: new WeakMap<readonly number[], string[]>(), openmetrics: new WeakMap() }

/** What stands behind the labels of each bucket; made once, because the SDK hands out the same bounds every time. */
function bucketSuffixes(bounds: readonly number[], format: Format): readonly string[] {
  let known: string[] | undefined = suffixes[format].get(bounds)
  if (known === undefined) {
    const write = format === 'text' ? number : canonical
    known = [...bounds, Number.POSITIVE_INFINITY].map((bound) => `le="${write(bound)}"} `)
    suffixes[format].set(bounds, known)
  }
  return known
}

/** The newest exemplar of each bucket that has one. */
function exemplarsByBucket({ bounds, exemplars }: HistogramValue): ReadonlyMap<number, string> {
  const newest = new Map<number, Exemplar>()
  for (const exemplar of exemplars) {
    const above = bounds.findIndex((bound) => exemplar.value <= bound)
    const index = above === -1 ? bounds.length : above
    if (exemplar.timestamp >= (newest.get(index)?.timestamp ?? 0)) newest.set(index, exemplar)
  }
  return new Map(Array.from(newest, ([index, exemplar]) => [index, writeExemplar(exemplar)]))
}

function writeExemplar({ traceId, spanId, value, timestamp }: Exemplar): string {
  const labels = `trace_id="${escapeLabel(traceId)}",span_id="${escapeLabel(spanId)}"`
  return ` # {${labels}} ${number(value)} ${timestamp / 1_000}`
}

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

/**
 * A bound as OpenMetrics prescribes it, which is how Go writes floats: `1.0`, `2.5`, `1e+06`, `1e-05`. It is a label, so
 * each way to write it would make a series of its own.
 */
function canonical(value: number): string {
  const size = Math.abs(value)
  if (!Number.isFinite(value)) return number(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

function escapeHelp(help: string): string {
  return help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')
}
