import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  createPrometheusReader,
  isExporterError,
  NotListeningError,
  type PrometheusPortOptions,
  startPrometheusExporter,
} from '../src/index.js'
import { ask, open, recordDiag } from './helpers.js'

const OPENMETRICS = { accept: 'application/openmetrics-text' }

async function start(options: PrometheusPortOptions = {}) {
  const exporter = await startPrometheusExporter({ port: 0, ...options })
  onTestFinished(() => exporter.close())
  return { ...exporter, meter: exporter.meterProvider.getMeter('shop') }
}

/** A gauge whose collection lasts until it is released. */
async function startHeld(options: PrometheusPortOptions = {}) {
  const started = await start(options)
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const collected = vi.fn(() => held)
  started.meter.createObservableGauge('held').addCallback(collected)
  onTestFinished(() => release())
  return { ...started, collected, release: () => release() }
}

/** The value of one series in a scrape. */
function sample(body: string, series: string): number {
  const line = body.split('\n').find((line) => line.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1))
}

test('OpenMetrics for who asks for it', async () => {
  const { url, meter } = await start()
  meter.createCounter('orders').add(1)
  const { headers, body } = await ask(url, { headers: OPENMETRICS })
  expect(headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8')
  expect(headers.vary).toBe('Accept, Accept-Encoding')
  expect(body).toContain('# TYPE orders counter\norders_total{otel_scope_name="shop"} 1\n')
  expect(body.endsWith('\n# EOF\n')).toBe(true)
})

test('gzip for who accepts it', async () => {
  const { url, meter } = await start()
  meter.createCounter('orders').add(1, { country: 'é' })
  const sent = request(url, { agent: false, headers: { 'accept-encoding': 'gzip' } }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const bytes = Buffer.concat(await response.toArray())
  expect(response.headers['content-encoding']).toBe('gzip')
  expect(response.headers['content-length']).toBe(String(bytes.length))
  expect(gunzipSync(bytes).toString()).toContain('orders_total{country="é",otel_scope_name="shop"} 1\n')
})

test('the switches', async () => {
  const { url, meter } = await start({ withoutScopeInfo: true, withoutTargetInfo: true })
  meter.createCounter('orders').add(1)
  const { body } = await ask(url)
  expect(body).toContain('\norders_total 1\n')
  expect(body).not.toMatch(/otel_scope|target_info/)
})

test('exemplars that instrumentation has registered', async () => {
  const attributes = { operation: 'get' }
  const exemplar = { value: 1, traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), timestamp: 1_500 }
  const registry = new WeakMap([[attributes, (metric: string) => (metric === 'duration' ? [exemplar] : undefined)]])
  vi.stubGlobal(Symbol.for('otel-cache.exemplars') as never, registry)
  onTestFinished(() => void vi.unstubAllGlobals())
  const { url, meter } = await start({ withoutScopeInfo: true })
  meter.createHistogram('duration', { advice: { explicitBucketBoundaries: [1] } }).record(1, attributes)
  const { body } = await ask(url, { headers: OPENMETRICS })
  expect(body).toContain(
    `duration_bucket{operation="get",le="1.0"} 1 # {trace_id="${exemplar.traceId}",span_id="${exemplar.spanId}"} 1 1.5\n`,
  )
})

describe('scrapes at once', () => {
  test('share one collection, whatever format each wants', async () => {
    const { url, collected, release } = await startHeld()
    const first = ask(url)
    await vi.waitFor(() => expect(collected).toHaveBeenCalled())
    const others = [ask(url), ask(url, { headers: OPENMETRICS }), ask(url, { headers: { 'accept-encoding': 'gzip' } })]
    // A request of another path that has been answered was read after those.
    await ask(url, { path: '/healthz' })
    release()
    for (const { status } of await Promise.all([first, ...others])) expect(status).toBe(200)
    expect(collected).toHaveBeenCalledOnce()
    await ask(url)
    expect(collected).toHaveBeenCalledTimes(2)
  })

  test('of whom one is in a hurry: it fails alone', async () => {
    recordDiag()
    const { url, collected, release } = await startHeld()
    const hurried = ask(url, { headers: { 'x-prometheus-scrape-timeout-seconds': '0.2' } })
    await vi.waitFor(() => expect(collected).toHaveBeenCalledOnce())
    const patient = ask(url)
    expect((await hurried).status).toBe(503)
    release()
    expect((await patient).status).toBe(200)
  })

  test('are at most 40', async () => {
    const { url, release } = await startHeld()
    const answers = Array.from({ length: 50 }, () => ask(url))
    const refused: number[] = []
    for (const answer of answers) void answer.then(({ status }) => refused.push(status ?? 0))
    await vi.waitFor(() => expect(refused).toEqual(Array(10).fill(503)))
    release()
    const statuses = (await Promise.all(answers)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(40)
    expect((await ask(url)).status).toBe(200)
  })
})

describe('the time that Prometheus waits', () => {
  test('is when a collection is given up: 503, and the metrics say so', async () => {
    const { error: told } = recordDiag()
    const { url, release } = await startHeld()
    const { status, body: why } = await ask(url, { headers: { 'x-prometheus-scrape-timeout-seconds': '0.2' } })
    expect(status).toBe(503)
    expect(why).toBe('the metrics could not be collected within 190 ms\n')
    release()
    const { body } = await ask(url)
    const failures = ['timeout', 'partial', 'collection'].map((cause) =>
      sample(body, `otel_cache_exporter_failures_total{cause="${cause}"}`),
    )
    expect(failures).toEqual([1, 0, 0])
    expect(told.mock.calls).toEqual([[expect.stringContaining('[OTEL_CACHE_COLLECTION_TIMEOUT]')]])
  })

  test.each(['nonsense', '-1', '0', '1e999', ''])('%j is no such time', async (timeout) => {
    const { url } = await start()
    expect((await ask(url, { headers: { 'x-prometheus-scrape-timeout-seconds': timeout } })).status).toBe(200)
  })
})

test('the port tells of itself', async () => {
  recordDiag()
  const { url, meter } = await start()
  expect(sample((await ask(url)).body, 'otel_cache_exporter_scrapes_total{code="200"}')).toBe(0)
  await ask(url, { method: 'POST' })
  const broken = () => {
    throw new Error('broken')
  }
  const gauge = meter.createObservableGauge('stock')
  gauge.addCallback(broken)
  await ask(url)
  gauge.removeCallback(broken)
  const { body } = await ask(url)
  expect(sample(body, 'otel_cache_exporter_scrapes_total{code="200"}')).toBe(1)
  expect(sample(body, 'otel_cache_exporter_scrapes_total{code="405"}')).toBe(1)
  expect(sample(body, 'otel_cache_exporter_scrapes_total{code="503"}')).toBe(1)
  expect(sample(body, 'otel_cache_exporter_failures_total{cause="partial"}')).toBe(1)
  expect(sample(body, 'otel_cache_exporter_scrape_duration_seconds_count')).toBe(3)
})

describe("in the application's own server", () => {
  async function mount(options: PrometheusPortOptions = {}) {
    const reader = createPrometheusReader({ ...options, preventServerStart: true })
    const provider = new MeterProvider({ readers: [reader] })
    provider.getMeter('shop').createCounter('orders').add(1)
    const server = createServer((request, response) => {
      if (request.url?.startsWith('/internal/metrics')) reader.getMetricsRequestHandler(request, response)
      else response.end('the application')
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(async () => {
      await provider.shutdown()
      server.close()
    })
    const { port } = server.address() as { port: number }
    return { reader, url: `http://127.0.0.1:${port}/internal/metrics` }
  }

  test('the handler answers as the port does, at any path', async () => {
    const { url } = await mount()
    expect((await ask(url)).body).toContain('orders_total{otel_scope_name="shop"} 1\n')
    expect((await ask(`${url}?x`, { headers: OPENMETRICS })).headers['content-type']).toContain('openmetrics')
    expect(await ask(url, { method: 'POST' })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
    expect((await ask(url, { path: '/' })).body).toBe('the application')
  })

  test('a response that the application has already begun harms nobody', async () => {
    const { error } = recordDiag()
    const { reader } = await mount()
    const server = createServer((request, response) => {
      response.write('begun')
      reader.getMetricsRequestHandler(request, response)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as { port: number }
    const asked = ask(`http://127.0.0.1:${port}/`).catch(() => {})
    await vi.waitFor(() =>
      expect(error).toHaveBeenCalledWith(
        expect.stringContaining('[OTEL_CACHE_REQUEST_NOT_ANSWERED]'),
        expect.any(Error),
      ),
    )
    server.close().closeAllConnections()
    await asked
  })

  test('with the same authentication', async () => {
    const { url } = await mount({ bearerToken: 'secret' })
    expect((await ask(url)).status).toBe(401)
    expect((await ask(url, { headers: { authorization: 'Bearer secret' } })).status).toBe(200)
  })

  test('nothing is listened on', async () => {
    const { error } = recordDiag()
    const { reader } = await mount({ port: 1 })
    const refused = await reader.listening.catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(NotListeningError)
    expect(isExporterError(refused)).toBe(true)
    expect(refused).toMatchObject({
      name: 'NotListeningError',
      code: 'ERR_EXPORTER_NOT_LISTENING',
      message: expect.stringContaining('preventServerStart'),
    })
    expect(error).not.toHaveBeenCalled()
  })

  test('options of a port are refused', () => {
    expect(() => createPrometheusReader({ preventServerStart: 1 as never })).toThrow(
      'preventServerStart must be true or',
    )
  })
})

describe('clients that behave badly', () => {
  test('headers of 64 kB are refused with 431', async () => {
    const { url, address } = await start()
    const socket = await open(address().port)
    socket.write(`GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: ${'text/plain,'.repeat(6_000)}\r\n\r\n`)
    const [answer] = await once(socket.setEncoding('utf8'), 'data')
    expect(answer).toMatch(/^HTTP\/1.1 431 /)
    socket.destroy()
    expect((await ask(url)).status).toBe(200)
  })

  test('who stop half-way, or never end, are cut off', async () => {
    const { address } = await start()
    const ends = [
      '',
      'GET /metrics HTTP/1.1\r\nHost: x\r\nAcc',
      'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf',
      'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
    ].map(async (text) => {
      const socket = await open(address().port)
      socket.on('error', () => {}).write(text)
      await once(socket.resume(), 'close')
    })
    const drip = await open(address().port)
    drip.on('error', () => {}).write('GET /metrics HTTP/1.1\r\nHost: x\r\nX: ')
    const dripping = setInterval(() => drip.write('x'), 100)
    await Promise.all([...ends, once(drip.resume(), 'close')])
    clearInterval(dripping)
  })

  test('who do not read their answer are cut off', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const { address, meter } = await start()
    const counter = meter.createCounter('orders')
    // More than the operating system takes off the port's hands.
    for (let customer = 0; customer < 1_500; customer++) counter.add(1, { customer, note: 'x'.repeat(20_000) })
    const socket = await open(address().port)
    socket.on('error', () => {}).write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'readable')
    vi.advanceTimersByTime(65_000)
    // What had been sent is there; the end comes before the whole answer.
    let received = 0
    for await (const bytes of socket.on('error', () => {})) received += bytes.length
    expect(received).toBeLessThan(30_000_000)
  })

  test('a thousand who leave half-way leave nothing behind', async () => {
    const { url, address } = await start()
    for (let wave = 0; wave < 10; wave++) {
      const sockets = await Promise.all(Array.from({ length: 100 }, () => open(address().port)))
      for (const socket of sockets) {
        socket.on('error', () => {}).write('GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: te')
        socket.resetAndDestroy()
      }
    }
    expect((await ask(url)).status).toBe(200)
  })
})
