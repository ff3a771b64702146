import { diag } from '@opentelemetry/api'
import { onTestFinished } from 'vitest'
import type { RedisClient } from './redis.js'

/** Makes the client give a value that throws as soon as it is looked at wherever Redis holds this text. Returns the error. */
export function makeOdd(client: RedisClient, text: string): Error {
  const failure = new Error('it has no length')
  const send = client.callBuffer.bind(client) as (...args: unknown[]) => Promise<unknown>
  const oddly = async (...args: unknown[]): Promise<unknown> => {
    const reply = await send(...args)
    const odd = [reply].flat(Number.POSITIVE_INFINITY).find((one) => String(one) === text)
    if (odd !== undefined) {
      Object.defineProperty(odd, 'length', {
        get() {
          throw failure
        },
      })
    }
    return reply
  }
  Object.defineProperty(client, 'callBuffer', { value: oddly })
  return failure
}

/** All that is told as an error until the test ends. */
export function toldErrors(): readonly unknown[] {
  const told: unknown[] = []
  const silent = () => {}
  const error = (...words: unknown[]) => void told.push(...words)
  diag.setLogger({ error, warn: silent, info: silent, debug: silent, verbose: silent })
  onTestFinished(() => diag.disable())
  return told
}
