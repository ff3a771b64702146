import { mkdtemp, realpath, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onFreePort } from './free-port.js'
import { ServerProcess } from './server-process.js'

export type PrometheusOptions =
  /** What to scrape five times a second, as `host:port`; the path is `/metrics`. */
  | { readonly targets: readonly string[] }
  /** The text of a whole `prometheus.yml`. */
  | { readonly config: string }

/** One series of an answer. */
export interface Sample {
  /** `__name__` included, where the expression keeps it. */
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface PrometheusServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** Evaluates an expression that answers a vector, now. Rejects with Prometheus's own words when it does not like it. */
  query(expression: string): Promise<Sample[]>
  /** Ends the process and removes its folder. Twice without harm. */
  stop(): Promise<void>
}

/** Starts a real Prometheus of its own and resolves once it is ready. Rejects with what it said when it does not start. */
export function startPrometheus(options: PrometheusOptions): Promise<PrometheusServer> {
  return onFreePort((port) => runPrometheus(port, 'config' in options ? options.config : configFor(options.targets)))
}

function configFor(targets: readonly string[]): string {
  return `global: { scrape_interval: 200ms }
scrape_configs: [{ job_name: test, static_configs: [{ targets: ${JSON.stringify(targets)} }] }]
`
}

async function runPrometheus(port: number, config: string): Promise<PrometheusServer> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'otel-cache-prometheus-')))
  const configFile = join(folder, 'prometheus.yml')
  await writeFile(configFile, config)
  const args = [
    `--config.file=${configFile}`,
    `--storage.tsdb.path=${folder}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]
  const process = new ServerProcess('prometheus', args, folder)
  const url = `http://127.0.0.1:${port}`
  try {
    await process.ready(() => isReady(url, folder))
  } catch (error) {
    await process.stop()
    throw error
  }
  return { url, query: (expression) => query(url, expression), stop: () => process.stop() }
}

/** Ready, and the process meant: another test's Prometheus may have won the port. It works in a folder of its own. */
async function isReady(url: string, folder: string): Promise<boolean> {
  try {
    const ready = await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(1_000) })
    if (!ready.ok) return false
    const response = await fetch(`${url}/api/v1/status/runtimeinfo`, { signal: AbortSignal.timeout(1_000) })
    return ((await response.json()) as { data?: { CWD?: string } }).data?.CWD === folder
  } catch {
    return false
  }
}

interface QueryAnswer {
  readonly error?: string
  readonly data?: { readonly result: ReadonlyArray<{ metric: Record<string, string>; value: [number, string] }> }
}

async function query(url: string, expression: string): Promise<Sample[]> {
  const response = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expression })}`)
  const { data, error } = (await response.json()) as QueryAnswer
  if (data === undefined) throw new Error(`Prometheus refused ${expression}: ${error}`)
  // Number() reads all that Prometheus writes but "+Inf" and "-Inf".
  return data.result.map(({ metric, value }) => ({
    labels: metric,
    value: Number(value[1].replace('Inf', 'Infinity')),
  }))
}
