// A cluster of its own process: the test tells the primary (`{ worker, what }`), which hands on what is for a worker and
// answers when it is done. The first message is the url, once all workers serve. It runs the built package.
import cluster from 'node:cluster'
import { once } from 'node:events'
import { startPrometheusExporter } from '@otel-cache/exporter'

const options = { port: 0, cluster: true, withoutScopeInfo: true }

async function primary() {
  const workers = Array.from({ length: Number(process.argv[2]) }, () => cluster.fork())
  const served = workers.map((worker) => once(worker, 'served'))
  cluster.on('message', (worker, message) => {
    if (typeof message === 'string') worker.emit(message)
  })
  // They said hello before anybody listened.
  await Promise.all(workers.map((worker) => once(worker, 'asking')))
  const exporter = await startPrometheusExporter(options)
  await Promise.all(served)
  const actions = {
    kill: async (worker) => {
      worker.process.kill('SIGKILL')
      await once(worker, 'disconnect')
    },
    stop: async (worker) => worker.process.kill('SIGSTOP'),
    continue: async (worker) => worker.process.kill('SIGCONT'),
    fork: async () => once(cluster.fork(), 'served'),
  }
  process.on('message', async ({ worker: id, what }) => {
    const worker = cluster.workers[id]
    const ask = async () => {
      worker.send(what)
      await once(worker, 'done')
    }
    await (actions[what] ?? ask)(worker)
    process.send('done')
  })
  process.send(exporter.url)
}

async function worker() {
  const starting = startPrometheusExporter(options)
  process.send('asking')
  const exporter = await starting
  const meter = exporter.meterProvider.getMeter('shop')
  const orders = meter.createCounter('orders')
  const duration = meter.createHistogram('duration', { advice: { explicitBucketBoundaries: [1] } })
  const open = meter.createUpDownCounter('open')
  let count = 0
  meter.createObservableGauge('stock').addCallback((result) => result.observe(count))
  const actions = {
    count: () => {
      count++
      orders.add(1, { country: 'fr' })
      duration.record(1)
      open.add(1)
    },
    break: () => {
      meter.createObservableGauge('broken').addCallback(() => {
        throw new Error('broken')
      })
    },
    close: () => exporter.close(),
    [`has ${exporter.url}`]: () => {},
  }
  process.on('message', async (what) => {
    if (typeof what !== 'string') return
    await actions[what]()
    process.send('done')
  })
  process.send('served')
}

await (cluster.isPrimary ? primary() : worker())
