import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { onFreePort } from '../src/free-port.js'
import { startPrometheus, startRedis } from '../src/index.js'

/** What Redis answers to one line, as it comes from the socket. */
async function ask(port: number, line: string): Promise<string> {
  const socket = connect(port, '127.0.0.1', () => socket.write(`${line}\r\nQUIT\r\n`))
  let reply = ''
  for await (const text of socket.setEncoding('utf8')) reply += text
  return reply
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('redis', () => {
  test('answers, keeps nothing on disk, and has gone when stop() resolves', async () => {
    const redis = await startRedis({ args: ['--maxmemory', '2mb'] })
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`)
    expect(await ask(redis.port, 'PING')).toContain('+PONG')
    expect(await ask(redis.port, 'CONFIG GET maxmemory')).toContain('2097152')
    expect(await ask(redis.port, 'CONFIG GET appendonly')).toContain('no')
    const { pid } = redis
    await redis.stop()
    await redis.stop()
    expect(isRunning(pid)).toBe(false)
    await expect(ask(redis.port, 'PING')).rejects.toThrow('ECONNREFUSED')
  })

  test('many start side by side, each on a port of its own', async () => {
    const servers = await Promise.all(Array.from({ length: 8 }, () => startRedis()))
    expect(new Set(servers.map((server) => server.port)).size).toBe(8)
    await Promise.all(servers.map((server) => server.stop()))
  })

  test('comes back empty on the same port after it was killed', async () => {
    const redis = await startRedis()
    const { pid, port } = redis
    await ask(port, 'SET key value')
    await redis.kill('SIGKILL')
    expect(isRunning(pid)).toBe(false)
    await redis.restart()
    expect(redis.port).toBe(port)
    expect(redis.pid).not.toBe(pid)
    expect(await ask(port, 'GET key')).toContain('$-1')
    await redis.stop()
  })

  test('comes back with what was saved, and says LOADING until it has it', async () => {
    const slowly = ['--key-load-delay', '2000', '--loading-process-events-interval-bytes', '1024']
    const redis = await startRedis({ args: slowly })
    await redis.command('EVAL', "for i = 1, 200 do redis.call('SET', i, ('x'):rep(100)) end", 0)
    await redis.command('SAVE')
    const restarted = redis.restart()
    await vi.waitFor(() => expect(redis.command('GET', 1)).rejects.toThrow('LOADING'), { interval: 2 })
    await restarted
    expect(await redis.command('DBSIZE')).toBe(200)
    await redis.stop()
  })

  test('takes commands, and answers in its own words', async () => {
    const redis = await startRedis()
    expect(await redis.command('SET', 'key', Buffer.from('\u00e9\r\n'))).toBe('OK')
    expect(await redis.command('GET', 'key')).toBe('\u00e9\r\n')
    expect(await redis.command('MGET', 'key', 'none')).toEqual(['\u00e9\r\n', null])
    expect(await redis.command('EVAL', 'return { 1, { 2, {} } }', 0)).toEqual([1, [2, []]])
    await redis.command('SET', 'long', 'x'.repeat(1_000_000))
    expect(await redis.command('GET', 'long')).toHaveLength(1_000_000)
    await redis.command('CONFIG', 'SET', 'maxmemory', 1)
    await expect(redis.command('SET', 'key', 'more')).rejects.toThrow('OOM command not allowed')
    await expect(redis.command('SHUTDOWN', 'NOSAVE')).rejects.toThrow('without a reply')
    await redis.stop()
    await expect(redis.command('PING')).rejects.toThrow('ECONNREFUSED')
  })

  test('speaks TLS to those who trust its certificate', async () => {
    const redis = await startRedis({ tls: true })
    expect(redis.url).toBe(`rediss://127.0.0.1:${redis.port}`)
    expect(await redis.command('PING')).toBe('PONG')
    const [error] = await once(connectTls({ host: redis.host, port: redis.port }), 'error')
    expect(error.code).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
    await redis.stop()
  })

  test('is also stopped while it hangs', async () => {
    const redis = await startRedis()
    await redis.kill('SIGSTOP')
    await redis.stop()
    expect(isRunning(redis.pid)).toBe(false)
  })

  test('takes another port when the one it was given is taken meanwhile', async () => {
    const thief = createServer()
    const redis = await onFreePort(async (port) => {
      if (!thief.listening) await once(thief.listen(port, '127.0.0.1'), 'listening')
      return startRedis({ port })
    })
    expect(await ask(redis.port, 'PING')).toContain('+PONG')
    await redis.stop()
    thief.close()
  })

  test('does not take another Redis on its port for its own', async () => {
    const first = await startRedis()
    await expect(startRedis({ port: first.port })).rejects.toThrow(/Address already in use/)
    await first.stop()
  })

  test('says what redis-server said when it does not start', async () => {
    await expect(startRedis({ args: ['--no-such-option', '1'] })).rejects.toThrow(/no-such-option/)
  })
})

describe('prometheus', () => {
  test('scrapes, answers, and has gone when stop() resolves', async () => {
    const prometheus = await startPrometheus({ targets: ['127.0.0.1:1'] })
    await vi.waitFor(async () => expect(await prometheus.query('up')).not.toEqual([]), {
      timeout: 20_000,
      interval: 100,
    })
    expect(await prometheus.query('up')).toEqual([
      { labels: { __name__: 'up', instance: '127.0.0.1:1', job: 'test' }, value: 0 },
    ])
    expect((await prometheus.query('vector(1) / 0'))[0]?.value).toBe(Number.POSITIVE_INFINITY)
    await expect(prometheus.query('up{')).rejects.toThrow(/parse error/)
    await prometheus.stop()
    await expect(fetch(prometheus.url)).rejects.toThrow()
    // Prometheus itself takes five seconds before its first scrape.
  }, 30_000)

  test('says what prometheus said when it does not start', async () => {
    await expect(startPrometheus({ config: 'nonsense: 1' })).rejects.toThrow(/nonsense/)
  })
})

describe('no server outlives the process that started it', () => {
  const program = `
    import { startFaultProxy, startPrometheus, startRedis } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
    const redis = await startRedis()
    await startFaultProxy({ target: redis })
    const prometheus = await startPrometheus({ targets: [] })
    console.log(JSON.stringify({ port: redis.port, url: prometheus.url }))
  `

  /** Runs the program in a temporary folder of its own, lets it end as told, and waits until nothing is left. */
  async function run(rest: string, end: NodeJS.Signals | undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'otel-cache-test-'))
    const args = ['--input-type=module', '--eval', program + rest]
    const child = spawn(process.execPath, args, { env: { ...process.env, TMPDIR: folder } })
    child.stderr.pipe(process.stderr)
    const [line] = await once(child.stdout, 'data')
    const { port, url } = JSON.parse(String(line))
    if (end !== undefined) {
      expect(await ask(port, 'PING')).toContain('+PONG')
      child.kill(end)
    }
    const [code] = await once(child, 'close')
    await vi.waitFor(async () => {
      await expect(ask(port, 'PING')).rejects.toThrow('ECONNREFUSED')
      await expect(fetch(url)).rejects.toThrow()
      expect(readdirSync(folder)).toEqual([])
    })
    rmSync(folder, { recursive: true })
    return code
  }

  const forever = 'setInterval(() => {}, 1_000)'

  test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('%s', async (signal) => {
    await run(forever, signal)
  })

  test('the end of its work, with the servers forgotten', async () => {
    expect(await run('', undefined)).toBe(0)
  })

  test('stop() as the last thing it does', async () => {
    expect(await run('await redis.stop(); await prometheus.stop()', undefined)).toBe(0)
  })
})

test('says how to install a missing program', async () => {
  vi.stubEnv('PATH', '/nowhere')
  onTestFinished(() => void vi.unstubAllEnvs())
  await expect(startRedis()).rejects.toThrow('redis-server is not installed. Run: node scripts/provide-servers.js')
})
