// A service, its traffic and a Prometheus with the configuration and the rules of `docs/monitoring`, each a process.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
function start(program: string, ...args: string[]): ChildProcess {
  const env = { OTEL_TRACES_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none', ...process.env }
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  stop.signal.addEventListener('abort', () => child.kill())
  const ended = once(child, 'exit').catch((error) => console.error(`${program}: ${error.message}`))
  exits.push(ended)
  ended.then(() => {
    if (!stop.signal.aborted) process.exitCode = 1
    stop.abort()
  })
  return child
}

/** The configuration of the documentation in a folder that is Prometheus's own, with this target, looked at every second. */
async function configure(target: string): Promise<string> {
  await cp(path('../../../docs/monitoring'), folder, { recursive: true })
  const file = join(folder, 'prometheus.yml')
  const documented = await readFile(file, 'utf8')
  if (!documented.includes(TARGET)) throw new Error(`docs/monitoring/prometheus.yml does not scrape ${TARGET}`)
  await writeFile(file, documented.replace(TARGET, target).replaceAll('15s', '1s'))
  return file
}

async function untilReady(url: string): Promise<void> {
  const isReady = () =>
    fetch(url)
      .then(({ ok }) => ok)
      .catch(() => false)
  while (!(await isReady())) await pause(100, undefined, { signal: stop.signal })
}

try {
  const instrumentation = new URL('../../node-sdk/dist/instrumentation.js', import.meta.url).href
  const service = start(process.execPath, '--import', instrumentation, path('../../node-sdk/dist/service.js'))
  let said = ''
  for await (const text of service.stdout?.setEncoding('utf8') ?? []) {
    said += text
    if (/Metrics: .*\n/.test(said) && /Forecasts: .*\n/.test(said)) break
  }
  const [, target = ''] = /Metrics: http:\/\/([^/]+)/.exec(said) ?? []
  const [, serviceUrl = ''] = /Forecasts: (\S+)/.exec(said) ?? []
  start(process.execPath, path('traffic.js'), serviceUrl)
  const listen = `--web.listen-address=${new URL(prometheusUrl).host}`
  const data = `--storage.tsdb.path=${join(folder, 'data')}`
  start('prometheus', `--config.file=${await configure(target)}`, data, listen, '--log.level=warn')
  await untilReady(`${prometheusUrl}/-/ready`)

  console.log(said.trim())
  console.log(`Prometheus: ${prometheusUrl}`)
  console.log(`Hit ratio: ${prometheusUrl}/graph?${new URLSearchParams({ 'g0.expr': HIT_RATIO, 'g0.tab': '0' })}`)
  console.log(`Alerts: ${prometheusUrl}/alerts`)
  await once(stop.signal, 'abort')
} catch (error) {
  if (!stop.signal.aborted) console.error(error)
  stop.abort()
} finally {
  await Promise.all(exits)
  await rm(folder, { recursive: true, force: true })
}
