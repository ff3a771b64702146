// An application and its metrics, to be attacked: says its two ports, and at every message what it holds in memory.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { startPrometheusExporter } from '@otel-cache/exporter'

const exporter = await startPrometheusExporter({ port: 0, basicAuthUsers: { alice: process.argv[2] } })
const counter = exporter.meterProvider.getMeter('shop').createCounter('orders')
for (let customer = 0; customer < 500; customer++) counter.add(1, { customer })

const application = createServer((_, response) => response.end('the application'))
await once(application.listen(0, '127.0.0.1'), 'listening')

process.on('message', () => {
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  process.send(heapUsed + external)
})
process.on('disconnect', () => process.exit())
process.send([exporter.url, `http://127.0.0.1:${application.address().port}/`])
