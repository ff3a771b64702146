import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { expect, test } from 'vitest'
import { createPrometheusReader, startPrometheusExporter } from '../src/index.js'
import { ask, open, recordDiag } from './helpers.js'

test("serves the metrics of the application's own provider until it shuts down", async () => {
  const reader = createPrometheusReader({ port: 0 })
  const provider = new MeterProvider({ readers: [reader] })
  const { host, port } = await reader.listening
  provider.getMeter('shop').createCounter('orders_total').add(3)
  expect((await ask(`http://${host}:${port}/metrics`)).body).toContain('orders_total{otel_scope_name="shop"} 3\n')
  await provider.forceFlush()
  await provider.shutdown()
  await expect(open(port)).rejects.toThrow('ECONNREFUSED')
})

test('opens its port when a provider takes it, not before', async () => {
  const exporter = await startPrometheusExporter({ port: 0 })
  const { port } = exporter.address()
  const reader = createPrometheusReader({ port })
  await exporter.close()
  const provider = new MeterProvider({ readers: [reader] })
  expect(await reader.listening).toEqual({ host: '127.0.0.1', port })
  await provider.shutdown()
})

test('a shutdown right after the start leaves no port open', async () => {
  const reader = createPrometheusReader({ host: 'localhost', port: 0 })
  await new MeterProvider({ readers: [reader] }).shutdown()
  const { port } = await reader.listening
  await expect(open(port)).rejects.toThrow('ECONNREFUSED')
})

test('a port that is in use is reported to diag, can be awaited, and stops nothing else', async () => {
  const { error: reported } = recordDiag()
  const exporter = await startPrometheusExporter({ port: 0 })
  const { port } = exporter.address()
  const reader = createPrometheusReader({ port })
  const provider = new MeterProvider({ readers: [reader] })
  await expect(reader.listening).rejects.toMatchObject({ code: 'EADDRINUSE' })
  expect(reported).toHaveBeenCalledWith(
    expect.stringMatching(`127.0.0.1 port ${port} .*\\[OTEL_CACHE_PORT_NOT_OPENED\\]$`),
    expect.any(Error),
  )
  provider.getMeter('shop').createCounter('orders_total').add(1)
  await provider.shutdown()
  expect((await ask(exporter.url)).status).toBe(200)
  await exporter.close()
})

test('refuses options that cannot work, at once', () => {
  expect(() => createPrometheusReader({ port: -1 })).toThrow('port must be an integer from 0 to 65535; received -1')
})
