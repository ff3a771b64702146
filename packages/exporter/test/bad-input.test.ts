import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent } from 'node:http'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type PrometheusExporter, startPrometheusExporter } from '../src/index.js'
import { ask, open } from './helpers.js'

const HOST = 'Host: x\r\n'
const get = (headers: string) => `GET /metrics HTTP/1.1\r\n${HOST}${headers}\r\n\r\n`
const post = (headers: string, body: string) => `POST /metrics HTTP/1.1\r\n${HOST}${headers}\r\n\r\n${body}`

/** What is sent, and the status that HTTP wants for it; `closed` where it is no HTTP to be answered. */
const CASES: Record<string, readonly [sent: string, answer: number | 'closed']> = {
  'Accept of nothing but marks': [get('Accept: ;;;,,,q=,text/;q=abc;version="'), 200],
  'Accept with weights that are none': [
    get('Accept: application/openmetrics-text;q=NaN,text/plain;q=-1,*/*;q=9e99'),
    200,
  ],
  'Accept in another alphabet': [get('Accept: \xff\xfe\xe9/\xe9'), 200],
  'Accept of a thousand members': [get(`Accept: ${'a/b;q=0.1,'.repeat(1_000)}`), 200],
  'Accept with a control character': [get('Accept: a\x01b'), 400],
  'Accept-Encoding of marks': [get('Accept-Encoding: gzip;q=2,;;,identity;q=0'), 200],
  'a scrape timeout that is no number': [get('X-Prometheus-Scrape-Timeout-Seconds: -1e999'), 200],
  'a header of 64 kB': [get(`X: ${'a'.repeat(65_536)}`), 431],
  'a path of 64 kB': [`GET /metrics?${'a'.repeat(65_536)} HTTP/1.1\r\n${HOST}\r\n`, 431],
  'no host': ['GET /metrics HTTP/1.1\r\n\r\n', 400],
  'another version': [`GET /metrics HTTP/9.9\r\n${HOST}\r\n`, 400],
  'the preface of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  'the greeting of TLS': ['\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03', 400],
  'an unknown method': [`BREW /metrics HTTP/1.1\r\n${HOST}\r\n`, 400],
  'a tunnel': [`CONNECT a:1 HTTP/1.1\r\n${HOST}\r\n`, 'closed'],
  'an upgrade': [get('Connection: Upgrade\r\nUpgrade: websocket'), 200],
  'an expectation': [get('Expect: miracles'), 417],
  'a negative length': [post('Content-Length: -5', ''), 400],
  'two lengths': [post('Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'), 400],
  'a body that is not wanted': [post('Content-Length: 100000', 'half'), 405],
  'a traversal': [`GET /../../etc/passwd HTTP/1.1\r\n${HOST}\r\n`, 404],
}

/** Resolves once the answer or the end has come. */
async function answerTo(socket: Socket, sent: string): Promise<number | 'closed'> {
  socket.on('error', () => {}).write(sent, 'latin1')
  const ended = once(socket, 'close').then(() => [])
  const [head] = await Promise.race([once(socket.setEncoding('latin1'), 'data'), ended])
  socket.destroy()
  return head === undefined ? 'closed' : Number(/^HTTP\/1\.1 (\d+) /.exec(head)?.[1])
}

describe('is answered as HTTP says:', () => {
  let exporter: PrometheusExporter
  beforeAll(async () => {
    exporter = await startPrometheusExporter({ port: 0 })
  })
  afterAll(() => exporter.close())

  test.each(Object.entries(CASES))('%s', async (_, [sent, answer]) => {
    expect(await answerTo(await open(exporter.address().port), sent)).toBe(answer)
    expect((await ask(exporter.url)).status).toBe(200)
  })
})

describe('in thousands', () => {
  test('leaves memory as it was, who is known let in, and the application alone', async () => {
    const program = fileURLToPath(new URL('bad-input-program.js', import.meta.url))
    const child = fork(program, [hashSync('opensesame', 4)], { execArgv: ['--expose-gc'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const [[metrics, application]] = (await once(child, 'message')) as [[string, string]]
    const port = Number(new URL(metrics).port)
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    onTestFinished(() => agent.destroy())
    const asUser = (credentials: string) =>
      ask(metrics, { agent, headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` } })

    const wave = async (name: string) => {
      const strangers = Array.from({ length: 1_000 }, (_, index) => asUser(`mallory ${name} ${index}:guess`))
      for (const { status } of await Promise.all(strangers)) expect([401, 429]).toContain(status)
      for (const [sent] of Object.values(CASES)) {
        for (let time = 0; time < 10; time++) await answerTo(await open(port), sent)
        const leaving = await open(port)
        leaving.on('error', () => {}).write(sent.slice(0, sent.length / 2))
        leaving.resetAndDestroy()
      }
      expect((await asUser('alice:opensesame')).status).toBe(200)
      expect((await ask(application)).body).toBe('the application')
    }
    const held = async () => {
      child.send('?')
      return Number((await once(child, 'message'))[0])
    }

    // The first two warm Node.js up.
    for (const name of ['first', 'second']) await wave(name)
    const before = await held()
    for (const name of ['third', 'fourth', 'fifth']) await wave(name)
    const grown = (await held()) - before
    // Nearly 4,000 requests: 250 bytes that stay of each would show.
    expect(grown).toBeLessThan(1_000_000)
  })
})
