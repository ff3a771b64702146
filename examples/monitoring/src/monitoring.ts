// A service, its traffic and a Prometheus with the configuration and the rules of `docs/monitoring`, each a process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const TARGET = '127.0.0.1:9464'
const HIT_RATIO = `sum(rate(redis_cache_hits_total[1m]))
  / (sum(rate(redis_cache_hits_total[1m])) + sum(rate(redis_cache_misses_total[1m])))`

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const prometheusUrl = `http://127.0.0.1:${process.env['PROMETHEUS_PORT'] ?? 9090}`
const folder = await mkdtemp(join(tmpdir(), 'otel-cache-monitoring-'))
const exits: Array<Promise<unknown>> = []
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stop.abort())

/** One process of several: when it ends, or cannot be started, so do the others. */
function start(program: string, ...args: string[]): { readonly stdout: Readable } {
  stop.signal.throwIfAborted()
  const env = { OTEL_TRACES_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none', ...process.env }
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.pipe(process.stdout)
  stop.signal.addEventListener('abort', () => child.kill())
  const ended = once(child, 'exit').catch((error) => console.error(`${program}: ${error.message}`))
  exits.push(ended)
  ended.then(() => {
    if (!stop.signal.aborted) process.exitCode = 1
    stop.abort()
  })
  return child
}

/** The documented configuration in a folder of Prometheus's own, with this target, scraped every second. */
async function configure(target: string): Promise<string> {
  await cp(path('../../../docs/monitoring'), folder, { recursive: true })
  const file = join(folder, 'prometheus.yml')
  const documented = await readFile(file, 'utf8')
  if (!documented.includes(TARGET)) throw new Error(`docs/monitoring/prometheus.yml does not scrape ${TARGET}`)
  await writeFile(file, documented.replace(TARGET, target).replaceAll('15s', '1s'))
  return file
}

/** The address that a process prints after this word, as soon as it does. */
function printed(stdout: Readable, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface(stdout).on('line', (line) => {
      if (line.startsWith(`${word}: `)) resolve(line.slice(word.length + 2))
    })
    stop.signal.addEventListener('abort', reject)
  })
}

async function untilReady(url: string): Promise<void> {
  const { ok } = await fetch(url).catch(() => ({ ok: false }))
  if (ok) return
  await pause(100, undefined, { signal: stop.signal })
  await untilReady(url)
}

try {
  const instrumentation = new URL('../../node-sdk/dist/instrumentation.js', import.meta.url).href
  const { stdout } = start(process.execPath, '--import', instrumentation, path('../../node-sdk/dist/service.js'))
  const [metricsUrl, serviceUrl] = await Promise.all([printed(stdout, 'Metrics'), printed(stdout, 'Forecasts')])
  start(process.execPath, path('traffic.js'), serviceUrl)
  const listen = `--web.listen-address=${new URL(prometheusUrl).host}`
  const data = `--storage.tsdb.path=${join(folder, 'data')}`
  start('prometheus', `--config.file=${await configure(new URL(metricsUrl).host)}`, data, listen, '--log.level=warn')
  await untilReady(`${prometheusUrl}/-/ready`)

  console.log(`Prometheus: ${prometheusUrl}`)
  console.log(`Hit ratio: ${prometheusUrl}/graph?${new URLSearchParams({ 'g0.expr': HIT_RATIO, 'g0.tab': '0' })}`)
  console.log(`Alerts: ${prometheusUrl}/alerts`)
} catch (error) {
  if (!stop.signal.aborted) console.error(error)
  stop.abort()
} finally {
  await Promise.all(exits)
  await rm(folder, { recursive: true, force: true })
}
