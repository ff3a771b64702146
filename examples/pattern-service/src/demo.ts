import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { words } from './corpus.js'
import { findProblems, toFigures } from './demo/figures.js'
import { progressBar, progressLines } from './demo/progress.js'
import { report } from './demo/report.js'
import { scrape } from './demo/scrape.js'
import { readSettings, type Settings, USAGE, UsageError } from './demo/settings.js'
import { startOnFreePorts } from './demo/start.js'
import { findStore, type Store } from './demo/store.js'
import { sendTraffic } from './demo/traffic.js'

/** Resolves to the exit code. */
async function main(): Promise<number> {
  const settings = readSettings(process.argv.slice(2), process.env)
  if (settings.help) {
    console.log(USAGE)
    return 0
  }
  const stop = stopOnSignals()
  const store = await findStore(settings.redisUrl)
  try {
    return await demo(settings, store, stop)
  } finally {
    store.redis?.disconnect()
  }
}

async function demo(settings: Settings, { kind, description, redis }: Store, stop: AbortSignal): Promise<number> {
  const { once: stopAfterRun, json, port, metricsPort } = settings
  // Standard output is for the JSON alone where it is asked for.
  const say: (line: string) => void = json ? console.error : console.log
  // A prefix of its own: two runs that share a Redis do not meet.
  const keyPrefix = `patterns:${randomBytes(4).toString('hex')}:`
  const service = await startOnFreePorts({ port, metricsPort, keyPrefix, ...(redis && { redis }) }, say)
  try {
    say(`Service  ${service.url}/patterns?q=… searches ${words.length.toLocaleString('en')} words`)
    say(`Metrics  ${service.metricsUrl}`)
    say(`Store    ${description}${redis ? `, keys under ${keyPrefix}` : ''}\n`)

    const onProgress = process.stderr.isTTY ? progressBar(process.stderr) : progressLines(say)
    const timings = await sendTraffic(service.url, onProgress, stop)
    const samples = await scrape(service.metricsUrl)
    const figures = toFigures(kind, timings, samples)
    say(`\n${report(figures, samples)}`)
    if (json) console.log(JSON.stringify(figures))
    if (stopAfterRun) return findProblems(figures).length === 0 ? 0 : 1

    say(`\nServing until Ctrl-C. Open:\n  ${service.url}/patterns?q=colo*r\n  ${service.metricsUrl}`)
    if (!stop.aborted) await once(stop, 'abort')
    return 0
  } catch (error) {
    if (error !== stop.reason) throw error
    say('\nStopped before the end of the run')
    return stopAfterRun ? 1 : 0
  } finally {
    if (redis) await service.cache.clear({ purge: true })
    await service.close()
  }
}

function stopOnSignals(): AbortSignal {
  const controller = new AbortController()
  // Not `once`: Ctrl-C under pnpm may arrive twice, and the second must not cut the closing short.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => controller.abort())
  return controller.signal
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof UsageError ? error.message : error)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
