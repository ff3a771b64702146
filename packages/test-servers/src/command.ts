import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** What Redis answers in RESP 2; strings are read as UTF-8. */
export type Reply = string | number | null | Reply[]

export type Word = string | number | Uint8Array

export interface Address {
  readonly host: string
  readonly port: number
  /** Whom to trust; without it the connection is a plain one. */
  readonly tls?: { readonly ca: string } | undefined
}

/**
 * Sends one command on a connection of its own. Rejects with Redis's own words when it refuses, and when no reply has
 * come after `timeout` milliseconds.
 */
export function command(address: Address, words: readonly Word[], timeout = 30_000): Promise<Reply> {
  const { host, port, tls } = address
  const socket = tls === undefined ? connectTcp(port, host) : connectTls({ host, port, ...tls })
  return new Promise<Reply>((resolve, reject) => {
    let received = Buffer.alloc(0)
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes])
      try {
        const reply = read(received, 0)
        if (reply !== undefined) resolve(reply.value)
      } catch (error) {
        reject(error)
      }
    })
    socket.on('error', reject)
    const fail = (what: string) => () => reject(new Error(`${words[0]}: ${host}:${port} ${what}`))
    socket.on('close', fail('closed the connection without a reply'))
    socket.setTimeout(timeout, fail(`did not reply within ${timeout} ms`))
    socket.write(written(words))
  }).finally(() => socket.destroy())
}

function written(words: readonly Word[]): Buffer {
  const parts = words.flatMap((word) => {
    const bytes = Buffer.from(typeof word === 'number' ? String(word) : word)
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]
  })
  return Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...parts])
}

/** The reply that starts at `from`, and where the next one does; undefined while it is not complete. */
function read(bytes: Buffer, from: number): { value: Reply; next: number } | undefined {
  const end = bytes.indexOf('\r\n', from)
  if (end === -1) return undefined
  const type = bytes.toString('latin1', from, from + 1)
  const line = bytes.toString('utf8', from + 1, end)
  let next = end + 2
  if (type === '-') throw new Error(line)
  if (type === '+') return { value: line, next }
  if (type === ':') return { value: Number(line), next }
  const length = Number(line)
  if (length === -1) return { value: null, next }
  if (type === '$') {
    const end = next + length
    return bytes.length < end + 2 ? undefined : { value: bytes.toString('utf8', next, end), next: end + 2 }
  }
  const values: Reply[] = []
  while (values.length < length) {
    const element = read(bytes, next)
    if (element === undefined) return undefined
    values.push(element.value)
    next = element.next
  }
  return { value: values, next }
}
