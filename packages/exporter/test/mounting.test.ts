import { once } from 'node:events'
import { createServer, type RequestListener, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { hashSync } from 'bcryptjs'
import express from 'express'
import fastify from 'fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createPrometheusReader, type PrometheusReader, type PrometheusReaderOptions } from '../src/index.js'
import { ask, recordDiag } from './helpers.js'

/** An application with the metrics at `/metrics`, mounted as the README says; resolves to its port. */
type Mount = (reader: PrometheusReader) => Promise<number>

const frameworks: Record<string, Mount> = {
  'node:http': (reader) =>
    serve((request, response) => {
      if (request.url?.split('?')[0] === '/metrics') reader.getMetricsRequestHandler(request, response)
      else response.end('the application')
    }),

  Express: (reader) => {
    const app = express()
    app.use(express.json())
    app.all('/metrics', reader.getMetricsRequestHandler)
    app.get('/', (_, response) => void response.send('the application'))
    return serve(app)
  },

  Fastify: async (reader) => {
    const app = fastify()
    app.all('/metrics', (request, reply) => {
      reply.hijack()
      reader.getMetricsRequestHandler(request.raw, reply.raw)
    })
    app.get('/', async () => 'the application')
    onTestFinished(() => app.close())
    return Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
  },
}

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  onTestFinished(() => void server.close().closeAllConnections())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

describe.each(Object.entries(frameworks))('in %s', (_, mount) => {
  async function start(options: PrometheusReaderOptions = {}) {
    const reader = createPrometheusReader({ ...options, preventServerStart: true })
    const provider = new MeterProvider({ readers: [reader] })
    onTestFinished(() => provider.shutdown())
    const meter = provider.getMeter('shop')
    meter.createCounter('orders').add(1)
    return { meter, url: `http://127.0.0.1:${await mount(reader)}/metrics` }
  }

  test('GET answers the metrics in the format that is asked for, and the rest is the application', async () => {
    const { url } = await start()
    const text = await ask(url)
    expect(text).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      body: expect.stringContaining('\norders_total{otel_scope_name="shop"} 1\n'),
    })
    const openMetrics = await ask(`${url}?x`, { headers: { accept: 'application/openmetrics-text;version=1.0.0' } })
    expect(openMetrics.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
    expect(openMetrics.body).toMatch(/\n# EOF\n$/)
    expect((await ask(url, { path: '/' })).body).toBe('the application')
  })

  test('HEAD answers its headers without a body', async () => {
    const { url } = await start()
    const { status, headers, body } = await ask(url, { method: 'HEAD' })
    expect({ status, body }).toEqual({ status: 200, body: '' })
    expect(Number(headers['content-length'])).toBeGreaterThan(100)
  })

  test('gzip for who accepts it', async () => {
    const { url } = await start()
    const sent = request(url, { agent: false, headers: { 'accept-encoding': 'gzip' } }).end()
    const [response] = await once(sent, 'response')
    expect(response.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept, Accept-Encoding' })
    expect(gunzipSync(Buffer.concat(await response.toArray())).toString()).toContain('orders_total')
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is refused with 405', async (method) => {
    const { url } = await start()
    expect(await ask(url, { method })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
  })

  test('a failing collection is a 503 that says no more, and the application goes on', async () => {
    const { error } = recordDiag()
    const { meter, url } = await start()
    const broken = () => {
      throw new Error('secret')
    }
    const gauge = meter.createObservableGauge('stock')
    gauge.addCallback(broken)
    const { status, body } = await ask(url)
    expect(status).toBe(503)
    expect(body).not.toContain('secret')
    expect(error).toHaveBeenCalledWith(expect.stringContaining('[OTEL_CACHE_COLLECTION_FAILED]'), expect.any(Error))
    expect((await ask(url, { path: '/' })).body).toBe('the application')
    gauge.removeCallback(broken)
    expect((await ask(url)).status).toBe(200)
  })

  test('with a password or a token, and for nobody else', async () => {
    const { url } = await start({ basicAuthUsers: { alice: hashSync('opensesame', 4) }, bearerToken: 'secret' })
    const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`
    const status = async (authorization?: string) =>
      (await ask(url, { headers: authorization === undefined ? {} : { authorization } })).status
    expect(await status(basic('alice:opensesame'))).toBe(200)
    expect(await status('Bearer secret')).toBe(200)
    for (const wrong of [undefined, basic('alice:open'), 'Bearer public', 'Digest x']) {
      expect(await status(wrong)).toBe(401)
    }
  })
})
