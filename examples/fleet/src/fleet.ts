import cluster, { type Worker } from 'node:cluster'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startPrometheusExporter } from '@otel-cache/exporter'
import type { Order, Report, Sighting } from './messages.js'

const MEMBERS = 4

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort())

// One port for all processes: counters are added up over them.
const exporter = await startPrometheusExporter({ cluster: true })
cluster.setupPrimary({ exec: fileURLToPath(new URL('member.js', import.meta.url)) })
// A price of its own for each run: others may share the Redis.
const env = { PRICE: `price ${randomUUID()}` }
const members = Array.from({ length: MEMBERS }, () => cluster.fork(env))
const [writer, ...readers] = members as [Worker, ...Worker[]]
const exits = members.map((member) => once(member, 'exit'))
const tell = (member: Worker, order: Order) => member.isConnected() && member.send(order)
const delays: number[] = []
let isReady = false
for (const member of members) {
  member.once('exit', (code) => {
    if (code !== 0 && !stop.signal.aborted) process.exitCode = 1
    stop.abort()
  })
}

/** Resolves with the first report of this kind from a member; rejects when the fleet is told to stop. */
async function reported<R extends Report>(member: Worker, is: (report: Report) => report is R): Promise<R> {
  for (;;) {
    const [report] = (await once(member, 'message', { signal: stop.signal })) as [Report]
    if (is(report)) return report
  }
}

try {
  await Promise.all(members.map((member) => reported(member, (report): report is { ready: true } => 'ready' in report)))
  isReady = true
  console.log(`Metrics: ${exporter.url}`)
  for (let write = 1; ; write++) {
    const isSighting = (report: Report): report is Sighting => 'sawWrite' in report && report.sawWrite === write
    const sightings = readers.map((reader) => reported(reader, isSighting))
    tell(writer, { write })
    const seen = await Promise.all(sightings)
    const proofAge = Math.max(...seen.map((sighting) => sighting.proofAge))
    delays.push(...seen.map(({ delay }) => delay))
    const shown = seen.map(({ delay }) => delay.toFixed(1)).join(', ')
    console.log(`Write ${write}: the others saw it after ${shown} ms; oldest proof ${proofAge.toFixed(0)} ms`)
    await pause(500, undefined, { signal: stop.signal })
  }
} catch (error) {
  if (!stop.signal.aborted) throw error
} finally {
  for (const member of members) {
    if (isReady) tell(member, { stop: true })
    else member.process.kill('SIGKILL') // it may not be listening yet, and has nothing to lose
  }
  await Promise.all(exits)
  await exporter.close()
}

const sorted = delays.map((delay) => Number(delay.toFixed(1))).sort((a, b) => a - b)
const median = sorted[Math.floor(sorted.length / 2)] ?? 'unknown'
console.log(`${sorted.length} sightings: median ${median} ms, longest ${sorted.at(-1) ?? 'unknown'} ms`)
