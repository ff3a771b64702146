import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type FaultProxy, type RedisServer, startFaultProxy, startRedis } from '../src/index.js'

const patiently = { interval: 2, timeout: 10_000 }

/** A client that notes what becomes of its connection. It stays half open when the other side ends. */
class Client {
  readonly socket: Socket
  received = ''
  /** In the order in which they came. */
  readonly events: string[] = []

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.socket.setEncoding('latin1').on('data', (text) => {
      this.received += text
    })
    this.socket.on('end', () => this.events.push('end'))
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.events.push(String(error.code)))
    this.socket.on('close', () => this.events.push('close'))
  }

  send(line: string): void {
    this.socket.write(`${line}\r\n`)
  }

  /** Waits for these bytes, and forgets them. */
  async gets(bytes: string): Promise<void> {
    await vi.waitFor(() => expect(this.received).toBe(bytes), patiently)
    this.received = ''
  }

  async meets(...events: string[]): Promise<void> {
    await vi.waitFor(() => expect(this.events).toEqual(events), patiently)
  }
}

let redis: RedisServer
let proxy: FaultProxy
let clients: Client[]

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

beforeEach(async () => {
  proxy = await startFaultProxy({ target: redis })
  clients = []
})
afterEach(async () => {
  for (const { socket } of clients) socket.destroy()
  await proxy.stop()
  await redis.command('FLUSHALL')
})

function connectClient(): Client {
  const client = new Client(proxy.port)
  clients.push(client)
  return client
}

/** A client whose connection works. */
async function connected(): Promise<Client> {
  const client = connectClient()
  client.send('PING')
  await client.gets('+PONG\r\n')
  return client
}

/** Waits until the proxy has received what makes this many bytes in all. */
async function untilReceived(direction: 'requests' | 'replies', bytes: number): Promise<void> {
  await vi.waitFor(() => expect(proxy.received[direction]).toBe(bytes), patiently)
}

const ping = 'PING\r\n'.length
const pong = '+PONG\r\n'.length

describe('pass', () => {
  test('carries both directions, and counts', async () => {
    const client = await connected()
    expect(proxy.url).toBe(`redis://127.0.0.1:${proxy.port}`)
    expect(proxy).toMatchObject({ connections: 1, accepted: 1, received: { requests: ping, replies: pong } })
    client.send('QUIT')
    await client.meets('end')
    expect(client.received).toBe('+OK\r\n')
    client.socket.end()
    await client.meets('end', 'close')
    await vi.waitFor(() => expect(proxy).toMatchObject({ connections: 0, accepted: 1 }), patiently)
  })

  test('carries more than fits into the buffers on the way', async () => {
    const value = 'x'.repeat(20_000_000)
    await redis.command('SET', 'key', value)
    const client = await connected()
    client.socket.pause()
    client.send('GET key')
    await vi.waitFor(() => expect(proxy.received.replies).toBeGreaterThan(100_000), patiently)
    client.socket.resume()
    await vi.waitFor(() => expect(client.received.length).toBe(value.length + '$20000000\r\n\r\n'.length), patiently)
  })

  test('passes on the end and the reset that either side makes', async () => {
    const [ended, reset] = [await connected(), await connected()]
    ended.socket.end()
    // Redis closes in its turn.
    await ended.meets('end', 'close')
    reset.socket.resetAndDestroy()
    await vi.waitFor(async () => expect(await redis.command('CLIENT', 'LIST')).not.toContain('cmd=ping'), patiently)
  })

  test('resets a client when the server is not there', async () => {
    const gone = await startRedis()
    const orphan = await startFaultProxy({ target: gone })
    await gone.stop()
    const client = new Client(orphan.port)
    await client.meets('ECONNRESET', 'close')
    await orphan.stop()
  })
})

describe('delay', () => {
  test('of replies: in order, and not once more for each', async () => {
    const client = await connected()
    proxy.set({ kind: 'delay', ms: 100, direction: 'replies' })
    const start = performance.now()
    for (let sent = 1; sent <= 20; sent++) {
      client.send('INCR key')
      await vi.waitFor(async () => expect(await redis.command('GET', 'key')).toBe(String(sent)), patiently)
    }
    await client.gets(Array.from({ length: 20 }, (_, i) => `:${i + 1}\r\n`).join(''))
    const took = performance.now() - start
    expect(took).toBeGreaterThanOrEqual(100)
    expect(took).toBeLessThan(20 * 100)
  })

  test('of both directions: twice', async () => {
    const client = await connected()
    proxy.set({ kind: 'delay', ms: 50 })
    const start = performance.now()
    client.send('PING')
    await client.gets('+PONG\r\n')
    expect(performance.now() - start).toBeGreaterThanOrEqual(100)
  })

  test('ends at once', async () => {
    const client = await connected()
    proxy.set({ kind: 'delay', ms: 60_000, direction: 'replies' })
    client.send('PING')
    await untilReceived('replies', 2 * pong)
    expect(client.received).toBe('')
    proxy.heal()
    await client.gets('+PONG\r\n')
  })
})

describe('black-hole', () => {
  test('holds requests, and delivers them when it is healed', async () => {
    const client = await connected()
    proxy.set({ kind: 'black-hole' })
    client.send('SET key late')
    await untilReceived('requests', ping + 'SET key late\r\n'.length)
    expect(await redis.command('GET', 'key')).toBe(null)
    proxy.heal()
    await client.gets('+OK\r\n')
    expect(await redis.command('GET', 'key')).toBe('late')
  })

  test('delivers a request whose sender has gone', async () => {
    const client = await connected()
    proxy.set({ kind: 'black-hole' })
    client.send('SET key late')
    client.socket.destroy()
    await vi.waitFor(() => expect(proxy.connections).toBe(0), patiently)
    expect(await redis.command('GET', 'key')).toBe(null)
    proxy.heal()
    await vi.waitFor(async () => expect(await redis.command('GET', 'key')).toBe('late'), patiently)
  })

  test('of replies only: commands are executed', async () => {
    const client = await connected()
    proxy.set({ kind: 'black-hole', direction: 'replies' })
    client.send('SET key value')
    await vi.waitFor(async () => expect(await redis.command('GET', 'key')).toBe('value'), patiently)
    await untilReceived('replies', pong + '+OK\r\n'.length)
    expect(client.received).toBe('')
    proxy.heal()
    await client.gets('+OK\r\n')
  })

  test('loses bytes where told to, and the connection still heals', async () => {
    const client = await connected()
    proxy.set({ kind: 'black-hole', bytes: 'lost' })
    client.send('SET key lost')
    await untilReceived('requests', ping + 'SET key lost\r\n'.length)
    proxy.heal()
    client.send('GET key')
    await client.gets('$-1\r\n')
    expect(client.events).toEqual([])
  })

  test('also swallows the end of a server', async () => {
    const server = await startRedis()
    const path = await startFaultProxy({ target: server })
    const client = new Client(path.port)
    client.send('PING')
    await client.gets('+PONG\r\n')
    path.set({ kind: 'black-hole' })
    await server.stop()
    const other = new Client(path.port)
    other.send('PING')
    await vi.waitFor(() => expect(path.received.requests).toBe(2 * ping), patiently)
    expect([client.events, other.events]).toEqual([[], []])
    path.heal()
    await vi.waitFor(() => expect([client.events[0], other.events[0]]).toEqual(['end', 'ECONNRESET']), patiently)
    await path.stop()
    client.socket.destroy()
  })
})

describe('truncate', () => {
  test('close: the end comes in the middle of a reply', async () => {
    const client = await connected()
    proxy.set({ kind: 'truncate', after: 12, by: 'close' })
    client.send('ECHO abc')
    await client.gets('$3\r\nabc\r\n')
    client.send('ECHO def')
    await client.gets('$3\r')
    await client.meets('end')
    client.socket.end()
    await client.meets('end', 'close')
  })

  test('reset', async () => {
    const client = await connected()
    proxy.set({ kind: 'truncate', after: 5, by: 'reset' })
    client.send('ECHO abc')
    await client.meets('ECONNRESET', 'close')
    expect(client.received).toBe('$3\r\na')
  })

  test('stall: the rest is held', async () => {
    const client = await connected()
    proxy.set({ kind: 'truncate', after: 5, by: 'stall' })
    client.send('ECHO abc')
    await client.gets('$3\r\na')
    client.send('PING')
    await untilReceived('replies', pong + '$3\r\nabc\r\n'.length + pong)
    expect(client.received).toBe('')
    proxy.heal()
    await client.gets('bc\r\n+PONG\r\n')
  })
})

describe('garbage', () => {
  test('is what it is told to be', async () => {
    const client = await connected()
    proxy.set({ kind: 'garbage', bytes: '+lies\r\n' })
    client.send('SET key value')
    await client.gets('+lies\r\n')
    expect(await redis.command('GET', 'key')).toBe('value')
    proxy.heal()
    client.send('PING')
    await client.gets('+PONG\r\n')
  })

  test('is random and as long as the reply otherwise', async () => {
    const client = await connected()
    const value = 'x'.repeat(100)
    await redis.command('SET', 'key', value)
    proxy.set({ kind: 'garbage' })
    client.send('GET key')
    await vi.waitFor(() => expect(client.received).toHaveLength('$100\r\n\r\n'.length + value.length), patiently)
    expect(client.received).not.toContain('xx')
  })
})

describe('half-close', () => {
  test('of replies: requests still arrive', async () => {
    const client = await connected()
    proxy.set({ kind: 'half-close', direction: 'replies' })
    await client.meets('end')
    client.send('SET key value')
    await vi.waitFor(async () => expect(await redis.command('GET', 'key')).toBe('value'), patiently)
    expect(client.received).toBe('')
    client.socket.end()
    await client.meets('end', 'close')
  })

  test('of requests: the server sees the end, and what it still says arrives', async () => {
    const client = await connected()
    client.send('ECHO last')
    await client.gets('$4\r\nlast\r\n')
    proxy.set({ kind: 'half-close', direction: 'requests' })
    await client.meets('end')
  })
})

describe('reset', () => {
  test('ends what is open and refuses what is new, until it is healed', async () => {
    const open = await connected()
    proxy.set({ kind: 'reset' })
    await open.meets('ECONNRESET', 'close')
    await connectClient().meets('ECONNRESET', 'close')
    expect(proxy).toMatchObject({ connections: 0, accepted: 2 })
    proxy.heal()
    await connected()
  })

  test('drop() refuses nothing', async () => {
    const open = await connected()
    proxy.drop()
    await open.meets('ECONNRESET', 'close')
    await connected()
  })
})

describe('which connections', () => {
  test('open ones only', async () => {
    const open = await connected()
    proxy.set({ kind: 'black-hole' }, 'open')
    open.send('PING')
    await connected()
    expect(open.received).toBe('')
    proxy.heal()
    await open.gets('+PONG\r\n')
  })

  test('new ones only', async () => {
    const open = await connected()
    proxy.set({ kind: 'black-hole' }, 'new')
    const late = connectClient()
    late.send('PING')
    open.send('PING')
    await open.gets('+PONG\r\n')
    await untilReceived('requests', 3 * ping)
    expect(late.received).toBe('')
    proxy.heal()
    await late.gets('+PONG\r\n')
  })

  test('those that have subscribed, and those that do', async () => {
    const subscribe = (channel: string) => `*2\r\n$9\r\nsubscribe\r\n$4\r\n${channel}`
    const subscribed = (channel: string) => `*3\r\n$9\r\nsubscribe\r\n$4\r\n${channel}\r\n:1\r\n`
    const [open, listening, late] = [await connected(), await connected(), await connected()]
    listening.send(subscribe('news'))
    await listening.gets(subscribed('news'))
    proxy.set({ kind: 'black-hole' }, 'subscribed')
    late.send(subscribe('late'))
    expect(await redis.command('PUBLISH', 'news', 'unheard')).toBe(1)
    open.send('PING')
    await open.gets('+PONG\r\n')
    await connected()
    expect([listening.received, late.received]).toEqual(['', ''])
    proxy.heal()
    await late.gets(subscribed('late'))
    await listening.gets('*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$7\r\nunheard\r\n')
  })
})

test('stop() resets, closes the port, and does no harm twice', async () => {
  const client = await connected()
  proxy.set({ kind: 'black-hole' })
  await proxy.stop()
  await proxy.stop()
  await client.meets('ECONNRESET', 'close')
  await connectClient().meets('ECONNREFUSED', 'close')
})
