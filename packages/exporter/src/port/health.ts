import type { Route } from './port.js'
import { methodReply, send } from './reply.js'

/** Answers 200 while it is so, and 503 otherwise. Open to everybody: a probe has no credentials, and learns no more. */
export function health(isSo: () => boolean): Route {
  return (request, response) => {
    const reply = isSo() ? { status: 200, body: 'ok\n' } : { status: 503, body: 'not ready\n' }
    send(response, methodReply(request) ?? reply)
  }
}
