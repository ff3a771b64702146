import { once } from 'node:events'
import { Agent, createServer } from 'node:http'
import { metrics } from '@opentelemetry/api'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  createPrometheusReader,
  ExporterOptionError,
  isExporterError,
  type PrometheusPortOptions,
  startPrometheusExporter,
} from '../src/index.js'
import { ask, open, recordDiag } from './helpers.js'

const exporters: AsyncDisposable[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const exporter of exporters.splice(0)) await exporter[Symbol.asyncDispose]()
})

async function start(options: PrometheusPortOptions = { port: 0 }) {
  const exporter = await startPrometheusExporter(options)
  exporters.push(exporter)
  return exporter
}

describe('what is served', () => {
  test('GET answers the metrics of its own provider, with length and type', async () => {
    const exporter = await start()
    exporter.meterProvider.getMeter('shop').createCounter('orders_total').add(3, { country: 'é' })
    const { status, headers, body } = await ask(exporter.url)
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(headers['content-length']).toBe(String(Buffer.byteLength(body)))
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(body).toContain('orders_total{country="é",otel_scope_name="shop"} 3\n')
  })

  test('counters are cumulative from scrape to scrape', async () => {
    const exporter = await start()
    const counter = exporter.meterProvider.getMeter('shop').createCounter('orders_total')
    counter.add(1)
    expect((await ask(exporter.url)).body).toContain('orders_total{otel_scope_name="shop"} 1\n')
    counter.add(1)
    expect((await ask(exporter.url)).body).toContain('orders_total{otel_scope_name="shop"} 2\n')
  })

  test('HEAD answers what GET would, without the body', async () => {
    const { url } = await start()
    const { status, headers, body } = await ask(url, { method: 'HEAD' })
    expect(status).toBe(200)
    expect(Number(headers['content-length'])).toBeGreaterThan(1_000)
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(body).toBe('')
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'])('%s is refused with 405', async (method) => {
    const { url } = await start()
    const { status, headers } = await ask(url, { method })
    expect(status).toBe(405)
    expect(headers.allow).toBe('GET, HEAD')
  })

  test('a query string is ignored', async () => {
    const { url } = await start()
    expect((await ask(`${url}?name=x`)).status).toBe(200)
  })

  test('the path may be a whole address', async () => {
    const { url } = await start()
    expect((await ask(url, { path: 'http://elsewhere:80/metrics?name=x' })).status).toBe(200)
    expect((await ask(url, { path: 'http://elsewhere/metric' })).status).toBe(404)
  })

  test.each(['/index.html', '/metrics/', '/metricsx', '/Metrics', '//', '/%', '*'])('%s is not found', async (path) => {
    const { url } = await start()
    expect((await ask(url, { path })).status).toBe(404)
  })

  test('a request that is no HTTP does no harm', async () => {
    const { url, address } = await start()
    const socket = await open(address().port)
    socket.end('nonsense\r\n\r\n').resume()
    await once(socket, 'close')
    expect((await ask(url)).status).toBe(200)
  })

  test('its provider is not the global one', async () => {
    const before = metrics.getMeterProvider()
    const { meterProvider } = await start()
    expect(metrics.getMeterProvider()).toBe(before)
    expect(meterProvider).not.toBe(before)
  })
})

describe('a collection that fails', () => {
  test('answers 503 while an observable callback throws, tells diag alone why, and recovers', async () => {
    const { error: reported } = recordDiag()
    const { url, meterProvider } = await start()
    let broken = true
    const gauge = meterProvider.getMeter('shop').createObservableGauge('stock')
    gauge.addCallback((result) => {
      if (broken) throw new Error('secret words')
      result.observe(7)
    })
    const { status, body, headers } = await ask(url)
    expect(status).toBe(503)
    expect(headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(body).not.toContain('secret words')
    expect(reported).toHaveBeenCalledWith(
      'otel-cache: the metrics could not be collected [OTEL_CACHE_COLLECTION_FAILED]',
      new AggregateError([new Error('secret words')], 'a collection failed in part'),
    )
    broken = false
    expect((await ask(url)).body).toContain('stock{otel_scope_name="shop"} 7\n')
  })

  test('answers 503 when the metrics cannot be written down', async () => {
    const { error: reported } = recordDiag()
    let traceId: unknown = Symbol('not writable')
    const exemplars = () => [{ value: 1, traceId: traceId as string, spanId: 'b', timestamp: 0 }]
    const { url, meterProvider } = await start({ port: 0, exemplars })
    meterProvider.getMeter('shop').createHistogram('duration').record(1)
    const headers = { accept: 'application/openmetrics-text' }
    expect((await ask(url, { headers })).status).toBe(503)
    expect(reported).toHaveBeenCalledOnce()
    traceId = 'a'
    expect((await ask(url, { headers })).status).toBe(200)
  })

  test('a scraper that leaves before its answer does no harm', async () => {
    const { url, address, meterProvider } = await start()
    let leave = () => {}
    const left = new Promise<void>((resolve) => {
      leave = resolve
    })
    let asked = () => {}
    const collecting = new Promise<void>((resolve) => {
      asked = resolve
    })
    const gauge = meterProvider.getMeter('shop').createObservableGauge('stock')
    const slow = async () => {
      asked()
      await left
    }
    gauge.addCallback(slow)
    const socket = await open(address().port)
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
    await collecting
    socket.resetAndDestroy()
    await once(socket, 'close')
    leave()
    gauge.removeCallback(slow)
    expect((await ask(url)).status).toBe(200)
  })
})

describe('the port', () => {
  test('is the real one when 0 was asked for', async () => {
    const exporter = await start({ port: 0 })
    const { host, port } = exporter.address()
    expect(host).toBe('127.0.0.1')
    expect(port).toBeGreaterThan(0)
    expect(exporter.url).toBe(`http://127.0.0.1:${port}/metrics`)
  })

  test('an IPv6 host is bracketed in the url', async () => {
    const exporter = await start({ host: '::1', port: 0 })
    expect(exporter.url).toBe(`http://[::1]:${exporter.address().port}/metrics`)
    expect((await ask(exporter.url)).status).toBe(200)
  })

  test('that is in use rejects with EADDRINUSE, and leaves nothing behind', async () => {
    const { error: reported } = recordDiag()
    const owner = createServer().listen(0, '127.0.0.1')
    await once(owner, 'listening')
    const { port } = owner.address() as { port: number }
    await expect(startPrometheusExporter({ port })).rejects.toMatchObject({ code: 'EADDRINUSE', port })
    expect(reported).not.toHaveBeenCalled()
    owner.close()
    await once(owner, 'close')
    const exporter = await start({ port })
    expect(exporter.address().port).toBe(port)
  })

  test('on a host that does not exist rejects with the error of the operating system', async () => {
    await expect(startPrometheusExporter({ host: 'no-such-host.invalid', port: 0 })).rejects.toHaveProperty('code')
  })
})

describe('close', () => {
  test('frees the port, ends idle connections, and can be called again', async () => {
    const exporter = await start()
    const agent = new Agent({ keepAlive: true })
    await ask(exporter.url, { agent })
    const [idle] = Object.values(agent.freeSockets).flat()
    const ended = once(idle as NonNullable<typeof idle>, 'close')
    await Promise.all([exporter.close(), exporter.close()])
    await ended
    await exporter.close()
    await expect(open(exporter.address().port)).rejects.toThrow('ECONNREFUSED')
  })

  test('does not wait for a connection that never says anything', async () => {
    const exporter = await start()
    const silent = await open(exporter.address().port)
    const ended = once(silent.resume(), 'close')
    await exporter.close()
    await ended
  })

  test('lets a scrape under way have its answer', async () => {
    const exporter = await start()
    let finish = () => {}
    const asked = new Promise<void>((resolve) => {
      exporter.meterProvider
        .getMeter('shop')
        .createObservableGauge('stock')
        .addCallback(async (result) => {
          const finished = new Promise<void>((go) => {
            finish = go
          })
          resolve()
          await finished
          result.observe(7)
        })
    })
    const answer = ask(exporter.url)
    await asked
    const closed = exporter.close()
    finish()
    expect((await answer).body).toContain('stock{otel_scope_name="shop"} 7\n')
    await closed
  })

  test('is what `await using` does', async () => {
    const exporter = await startPrometheusExporter({ port: 0 })
    await exporter[Symbol.asyncDispose]()
    await expect(open(exporter.address().port)).rejects.toThrow('ECONNREFUSED')
  })
})

describe('the environment', () => {
  test('says where to listen, unless an option does', async () => {
    vi.stubEnv('OTEL_EXPORTER_PROMETHEUS_HOST', '::1')
    vi.stubEnv('OTEL_EXPORTER_PROMETHEUS_PORT', '0')
    const exporter = await start({})
    expect(exporter.address().host).toBe('::1')
    expect((await ask(exporter.url)).status).toBe(200)
    expect((await start({ host: '127.0.0.1' })).address().host).toBe('127.0.0.1')
  })

  test('is ignored with a warning where it makes no sense', async () => {
    const { warn } = recordDiag()
    vi.stubEnv('OTEL_EXPORTER_PROMETHEUS_PORT', 'ninety')
    await start({ port: 0 })
    expect(warn).not.toHaveBeenCalled()
    createPrometheusReader({})
    expect(warn).toHaveBeenCalledWith(
      "otel-cache: OTEL_EXPORTER_PROMETHEUS_PORT must be an integer from 0 to 65535; received 'ninety', ignored [OTEL_CACHE_PORT_IGNORED]",
    )
  })

  test('that is empty says nothing', async () => {
    vi.stubEnv('OTEL_EXPORTER_PROMETHEUS_HOST', '')
    expect((await start({ port: 0 })).address().host).toBe('127.0.0.1')
  })
})

describe('who can reach it', () => {
  test('is told once where it listens beyond this machine for everybody', async () => {
    const { warn } = recordDiag()
    await start({ port: 0 })
    await start({ port: 0, host: '::1' })
    await start({ port: 0, host: '0.0.0.0', bearerToken: 'secret' })
    expect(warn).not.toHaveBeenCalled()
    const { url } = await start({ port: 0, host: '0.0.0.0' })
    await ask(url)
    await ask(url)
    expect(warn).toHaveBeenCalledOnce()
    expect(warn).toHaveBeenCalledWith(
      expect.stringMatching(/everybody who reaches 0\.0\.0\.0 port .*\[OTEL_CACHE_PORT_UNPROTECTED\]$/),
    )
  })
})

describe('health', () => {
  test('answers without credentials, and says no more than that', async () => {
    const exporter = await start({ port: 0, bearerToken: 'secret' })
    for (const path of ['/healthz', '/-/ready']) {
      expect(await ask(exporter.url, { path })).toMatchObject({ status: 200, body: 'ok\n' })
      expect(await ask(exporter.url, { path, method: 'POST' })).toMatchObject({
        status: 405,
        headers: { allow: 'GET, HEAD' },
      })
    }
  })
})

describe('options that cannot work', () => {
  test.each([
    [{ port: 70_000 }, 'port must be an integer from 0 to 65535; received 70000'],
    [{ port: -1 }, 'port must be an integer from 0 to 65535; received -1'],
    [{ port: 1.5 }, 'port must be an integer from 0 to 65535; received 1.5'],
    [{ port: Number.NaN }, 'port must be an integer from 0 to 65535; received NaN'],
    [{ port: '9464' }, "port must be an integer from 0 to 65535; received '9464'"],
    [{ port: null }, 'port must be an integer from 0 to 65535; received null'],
    [{ host: '' }, "host must be a non-empty string; received ''"],
    [{ host: 7 }, 'host must be a non-empty string; received 7'],
    [
      { prot: 9464 },
      expect.stringMatching(/^options must be made of host, port, .*, not prot; received { prot: 9464 }$/),
    ],
    [{ cluster: 1 }, 'cluster must be true or false; received 1'],
    [{ withoutScopeInfo: 'yes' }, "withoutScopeInfo must be true or false; received 'yes'"],
    [{ withoutTargetInfo: 0 }, 'withoutTargetInfo must be true or false; received 0'],
    [{ exemplars: [] }, 'exemplars must be a function; received []'],
    [null, 'options must be an object; received null'],
    [9464, 'options must be an object; received 9464'],
  ])('%j', async (options, message) => {
    const error = await startPrometheusExporter(options as PrometheusPortOptions).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(ExporterOptionError)
    expect(error).toBeInstanceOf(TypeError)
    expect(isExporterError(error)).toBe(true)
    expect(error).toMatchObject({ name: 'ExporterOptionError', code: 'ERR_EXPORTER_INVALID_OPTION', message })
  })
})
