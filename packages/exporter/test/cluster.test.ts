import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ask } from './helpers.js'

/** A primary with workers, each of which counts when it is told to; see there. */
const program = fileURLToPath(new URL('cluster-program.js', import.meta.url))

interface Cluster {
  readonly url: string
  /** Tells a worker something, and waits until it has done it. */
  tell(worker: number, what: string): Promise<void>
}

async function startCluster(workers: number): Promise<Cluster> {
  const child: ChildProcess = fork(program, [String(workers)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  onTestFinished(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const [url] = await once(child, 'message')
  return {
    url,
    tell: async (worker, what) => {
      child.send({ worker, what })
      await once(child, 'message')
    },
  }
}

/** The samples of a scrape, by name and labels. */
async function scrape(url: string, timeout = 10): Promise<Record<string, number>> {
  const { status, body } = await ask(url, { headers: { 'x-prometheus-scrape-timeout-seconds': String(timeout) } })
  expect(status).toBe(200)
  const lines = body.split('\n').filter((line) => /^\w/.test(line) && !line.startsWith('otel_cache_exporter'))
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  )
}

test('one port tells the sums over all workers', async () => {
  const { url, tell } = await startCluster(3)
  for (const worker of [1, 1, 2, 3]) await tell(worker, 'count')
  const samples = await scrape(url)
  expect(samples).toMatchObject({
    'orders_total{country="fr"}': 4,
    'duration_bucket{le="1"}': 4,
    'duration_bucket{le="+Inf"}': 4,
    duration_sum: 4,
    duration_count: 4,
    open: 4,
    'stock{worker="1"}': 2,
    'stock{worker="2"}': 1,
    'stock{worker="3"}': 1,
  })
  expect(Object.keys(samples).filter((series) => series.startsWith('target_info'))).toHaveLength(1)
})

test('no counter falls when a worker is killed, dies or is replaced', async () => {
  const { url, tell } = await startCluster(2)
  for (const worker of [1, 2, 2]) await tell(worker, 'count')
  expect(await scrape(url)).toMatchObject({ 'orders_total{country="fr"}': 3, duration_count: 3, open: 3 })
  // Killed without a word: what it had told stays, what it holds is gone.
  await tell(2, 'kill')
  const samples = await scrape(url)
  expect(samples).toMatchObject({ 'orders_total{country="fr"}': 3, duration_count: 3, open: 1, 'stock{worker="1"}': 1 })
  expect(samples).not.toHaveProperty('stock{worker="2"}')
  await tell(3, 'fork')
  await tell(3, 'count')
  expect(await scrape(url)).toMatchObject({ 'orders_total{country="fr"}': 4, 'stock{worker="3"}': 1 })
  // Who leaves in order tells what nobody has scraped yet.
  await tell(3, 'count')
  await tell(3, 'close')
  expect(await scrape(url)).toMatchObject({ 'orders_total{country="fr"}': 5, duration_count: 5, open: 1 })
})

test('a worker that hangs counts as it last did, and is scraped again when it is back', async () => {
  const { url, tell } = await startCluster(2)
  for (const worker of [1, 2]) await tell(worker, 'count')
  expect(await scrape(url)).toMatchObject({ 'orders_total{country="fr"}': 2 })
  await tell(1, 'count')
  await tell(2, 'count')
  await tell(2, 'stop')
  expect(await scrape(url, 1)).toMatchObject({ 'orders_total{country="fr"}': 3 })
  await tell(2, 'continue')
  await vi.waitFor(async () => expect(await scrape(url)).toMatchObject({ 'orders_total{country="fr"}': 4 }))
})

test('a worker whose collection fails fails the scrape', async () => {
  const { url, tell } = await startCluster(2)
  await tell(2, 'break')
  expect((await ask(url)).status).toBe(503)
  await tell(2, 'count')
})

test('the workers know what the primary listens on, also when it begins after them', async () => {
  const { url, tell } = await startCluster(1)
  await tell(1, `has ${url}`)
  expect((await ask(url)).status).toBe(200)
})
