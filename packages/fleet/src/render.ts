import type { Coherence, MeasuredScenario } from './results.js'
import type { Distribution } from './statistics.js'

/** The part of docs/reliability.md that tells how stale memory was. */
export function renderCoherence({ machine, invalidation, traffic, scenarios }: Coherence): string {
  const { node, redis, cpus, date } = machine
  const operations = scenarios.reduce((sum, one) => sum + one.operations, 0)
  return `## How stale memory gets

Eight processes read, load, set, delete and clear a few keys over one Redis, through each disturbance. Each writes down every call with its times; an oracle then decides for every read whether it may have returned what it did: nothing longer than \`maxStaleness\` after the change that replaced it had returned, nothing at all after a change of the same process, and nothing whose load began before a change that fenced it. ${number(operations)} operations, ${number(sum(scenarios, 'violations'))} violations. \`pnpm soak\` runs it for as long as one likes.

An invalidation reached the memory of another process within ${of(invalidation.latency)} ms (p50, p99, max of ${number(invalidation.latency.count)}, in calm).

Every process hears every change under its prefixes: ${number(traffic.writesPerSecond)} writes a second by somebody else, a hundred at a time, cost each of ${traffic.processes} idle processes ${percent(traffic.process)} of a processor at most, and Redis ${percent(traffic.redis)}, the writes included. That is why broadcast is the only mode: the other one tells a connection of nothing but its own reads, and those are the application's.

- **stale**: how long before a read the value that it found had been replaced, in milliseconds, over all reads that found one (p50, p99, max).
- **double**: loads of a key that ran beside another one of it, or after a change had fenced that. A load that was fenced is not waited for.

| disturbance | bound | operations | changes | loads (double) | from memory | stale | violations |
| --- | --- | --- | --- | --- | --- | --- | --- |
${scenarios.map(row).join('\n')}

Node ${node}, Redis ${redis}, ${cpus} cores, ${date}.
`
}

function row(one: MeasuredScenario): string {
  const cells = [
    one.scenario,
    `${number(one.bound)} ms`,
    number(one.operations),
    number(one.changes),
    `${number(one.loads)} (${number(one.doubleLoads)})`,
    `${Math.round(one.memoryShare * 100)} %`,
    of(one.staleness),
    number(one.violations),
  ]
  return `| ${cells.join(' | ')} |`
}

function of({ p50, p99, max }: Distribution): string {
  return [p50, p99, max].map((value) => String(Math.round(value * 10) / 10)).join(', ')
}

function sum(scenarios: readonly MeasuredScenario[], what: 'violations'): number {
  return scenarios.reduce((all, one) => all + one[what], 0)
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function number(value: number): string {
  return value.toLocaleString('en')
}
