// Writes docs/metrics.md from packages/core/dist/telemetry/names.js; with --check it only looks whether that is still true.
import { readFileSync, writeFileSync } from 'node:fs'
import { CHANNEL, INSTRUMENTS, SPAN_ATTRIBUTE } from '../packages/core/dist/telemetry/names.js'

const file = new URL('../docs/metrics.md', import.meta.url)

/** Of an attribute with its values. */
const attributeLine = ([name, values]) => `\`${name}\` is one of ${values.map((value) => `\`${value}\``).join(', ')}`

const summary = INSTRUMENTS.map(({ name, kind, unit, description }) => {
  const anchor = name.replaceAll(' ', '-')
  return `| [\`${name}\`](#${anchor}) | ${kind} | ${unit === '' ? '' : `\`${unit}\``} | ${description} |`
})

const sections = INSTRUMENTS.map(({ name, kind, unit, attributes, counts, countsNot, promql, advice }) => {
  const lines = [
    `### ${name}`,
    '',
    `A ${kind}${unit === '' ? ' without a unit' : `, unit \`${unit}\``}. Attributes: \`cache\`${Object.entries(
      attributes,
    )
      .map((attribute) => `; ${attributeLine(attribute)}`)
      .join('')}.`,
    '',
    `- Counts: ${counts}`,
    `- Does not count: ${countsNot}`,
  ]
  if (advice) lines.push(`- Bounds: ${advice.explicitBucketBoundaries.join(', ')}`)
  return [...lines, '', '```promql', promql, '```'].join('\n')
})

const spans = Object.values(SPAN_ATTRIBUTE).map((name) => `\`${name}\``)
const channels = Object.values(CHANNEL).map((name) => `\`${name}\``)

const text = `# What the cache reports

Generated from \`packages/core/src/telemetry/names.ts\` by \`node scripts/metrics-doc.js\`. Names are the same through a Prometheus exporter, a Collector, and Prometheus's own OTLP receiver.

## Metrics

| name | kind | unit | help |
|---|---|---|---|
${summary.join('\n')}

Every series carries \`cache\`, the cache's name, and the static \`attributes\` of its options. Counters begin at 0 for the tiers in use and the common errors, so that a rate over them answers from the first event on. Aggregate by \`job\` and \`cache\`; \`otel_scope_*\` changes with releases. Keys and values appear in no metric.

${sections.join('\n\n')}

## Spans

One \`INTERNAL\` span for each call that leaves memory, called \`cache.OPERATION NAME\`, where the caller's span is recorded; none otherwise, and none for a hit in memory. The loader runs in its context, and the Redis commands of the call are its children. A caller who shares another's load links to that call. A refresh behind a caller's back is a root of its own, linked to what set it off. Pings, probes and replays are in nobody's trace.

Attributes: ${spans.join(', ')}. Those that Sentry knows make its cache view work. \`cache.key\` is there only with the option \`spanKey\`, a function that may redact.

## Events

On \`node:diagnostics_channel\`: ${channels.join(', ')}. Their payloads are the exported types \`LookupEvent\`, \`OperationEvent\` and \`LoadEvent\`; nothing is built while nobody listens. A lookup's event carries its key.
`

if (!process.argv.includes('--check')) {
  writeFileSync(file, text)
} else if (readFileSync(file, 'utf8') !== text) {
  console.error('docs/metrics.md is not what names.ts says: run node scripts/metrics-doc.js')
  process.exitCode = 1
}
