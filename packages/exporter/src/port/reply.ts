import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** What is answered to one request. */
export interface Reply {
  readonly status: number
  readonly headers?: OutgoingHttpHeaders
  readonly body: string | Uint8Array
}

/** Attributes may say anything: no browser is to take them for something else than text. */
const HEADERS = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' }

export function send(response: ServerResponse, { status, headers, body }: Reply): void {
  // Node leaves out the body of an answer to HEAD, not its length. Of what the client has already there is none to tell.
  const length = status === 304 ? {} : { 'Content-Length': Buffer.byteLength(body) }
  response.writeHead(status, { ...HEADERS, ...length, ...headers }).end(body)
}

/** The refusal of what is neither GET nor HEAD. */
export function methodReply({ method }: IncomingMessage): Reply | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined
  return { status: 405, headers: { Allow: 'GET, HEAD' }, body: 'only GET and HEAD are answered\n' }
}
