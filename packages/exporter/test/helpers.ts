import { once } from 'node:events'
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { DiagLogLevel, diag } from '@opentelemetry/api'
import { type Mock, onTestFinished, vi } from 'vitest'

export interface Answer {
  status: number | undefined
  headers: IncomingMessage['headers']
  body: string
}

/** One HTTP request over a socket of its own, unless an agent is given. */
export async function ask(url: string, options: RequestOptions = {}): Promise<Answer> {
  const sent = request(url, { agent: false, ...options }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let body = ''
  for await (const text of response.setEncoding('utf8')) body += text
  return { status: response.statusCode, headers: response.headers, body }
}

/** An open TCP connection; without a server there the promise rejects. */
export async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** Records what is reported to OpenTelemetry's `diag` until the test ends. */
export function recordDiag(): { error: Mock; warn: Mock } {
  const [error, warn] = [vi.fn(), vi.fn()]
  const ignore = () => {}
  diag.setLogger({ error, warn, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN)
  onTestFinished(() => diag.disable())
  return { error, warn }
}
