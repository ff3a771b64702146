import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { createPrometheusReader, type PrometheusPortOptions, startPrometheusExporter } from '../src/index.js'
import { ask } from './helpers.js'

async function start(options: PrometheusPortOptions = {}): Promise<string> {
  const exporter = await startPrometheusExporter({ port: 0, ...options })
  onTestFinished(() => exporter.close())
  return new URL('/', exporter.url).href
}

/** What the document names, and what those scripts import, as far as it goes. */
async function filesOf(root: string): Promise<Map<string, string>> {
  const files = new Map<string, string>([['', (await ask(root)).body]])
  for (const [name, text] of files) {
    const named = name === '' ? text.matchAll(/(?:href|src)="(page\/[^"]+)"/g) : text.matchAll(/from '\.\/([^']+)'/g)
    for (const [, file = ''] of named) {
      const path = name === '' ? file : `page/${file}`
      const answer = await ask(root + path)
      expect([path, answer.status]).toEqual([path, 200])
      files.set(path, answer.body)
    }
  }
  return files
}

test('GET / is a document that lets nothing run but what comes with it', async () => {
  const { status, headers, body } = await ask(await start())
  expect(status).toBe(200)
  expect(headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  })
  const policy = String(headers['content-security-policy'])
  const nonce = /script-src 'nonce-([^']{22,})'/.exec(policy)?.[1] as string
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toContain('unsafe')
  const [tags, marked] = [body.match(/<(script|link rel="stylesheet")/g), body.split(`nonce="${nonce}"`)]
  expect(marked).toHaveLength((tags ?? []).length + 1)
  expect(body).not.toMatch(/\son\w+=|style=|https?:/)
})

test('each answer has a nonce of its own', async () => {
  const root = await start()
  const [one, other] = await Promise.all([ask(root), ask(root)])
  expect(one.headers['content-security-policy']).not.toBe(other.headers['content-security-policy'])
})

test('all together has less than 100 kB, and every file that is named is there', async () => {
  const files = await filesOf(await start())
  expect(files.size).toBeGreaterThan(10)
  const size = [...files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  expect(size).toBeLessThan(100_000)
})

test.each(['', 'page/main.js'])('/%s is zipped where that is accepted, and HEAD tells the same', async (path) => {
  const url = (await start()) + path
  const plain = await ask(url)
  const zipped = await fetch(url, { headers: { 'Accept-Encoding': 'gzip' } })
  expect(zipped.headers.get('content-encoding')).toBe('gzip')
  expect(zipped.headers.get('vary')).toBe('Accept-Encoding')
  // A nonce differs, not its length.
  expect(await zipped.text()).toHaveLength(plain.body.length)
  const { status, headers, body } = await ask(url, { method: 'HEAD' })
  expect([status, body, headers['content-length']]).toEqual([200, '', plain.headers['content-length']])
})

test.each(['', 'page/main.js'])('POST to /%s is refused with 405', async (path) => {
  const { status, headers } = await ask((await start()) + path, { method: 'POST' })
  expect([status, headers.allow]).toEqual([405, 'GET, HEAD'])
})

test('a script is sent again only when it has changed', async () => {
  const url = `${await start()}page/main.js`
  const { headers } = await ask(url)
  expect(headers['cache-control']).toBe('private, no-cache')
  const again = await ask(url, { headers: { 'if-none-match': String(headers.etag) } })
  expect([again.status, again.body]).toEqual([304, ''])
  expect((await ask(url, { headers: { 'if-none-match': '"another"' } })).status).toBe(200)
})

test.each([
  'page/',
  'page/none.js',
  'page/index.html',
  'page/main.d.ts',
  'page/..%2findex.js',
  'page/../index.js',
  'page/__proto__',
  'page/a/main.js',
])('/%s is not found', async (path) => {
  const root = await start()
  expect((await ask(root, { path: `/${path}` })).status).toBe(404)
})

test('wants the credentials of the metrics; the health paths want none', async () => {
  const root = await start({ bearerToken: 'secret' })
  for (const path of ['', 'page/main.js', 'page/none.js', 'metrics']) {
    const { status, body } = await ask(root + path)
    expect([path, status, body]).toEqual([path, 401, 'unauthorized\n'])
  }
  expect((await ask(root, { headers: { authorization: 'Bearer secret' } })).status).toBe(200)
  expect((await ask(`${root}healthz`)).status).toBe(200)
})

test('page: false leaves the metrics alone on the port', async () => {
  const root = await start({ page: false })
  for (const path of ['', 'page/main.js']) expect((await ask(root + path)).status).toBe(404)
  expect((await ask(`${root}metrics`)).status).toBe(200)
  await expect(startPrometheusExporter({ page: 'no' as never })).rejects.toThrow('page must be true or false')
})

test("the handler for the application's own server answers with metrics alone", async () => {
  const reader = createPrometheusReader({ preventServerStart: true })
  const server = createServer(reader.getMetricsRequestHandler).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  expect((await ask(`http://127.0.0.1:${port}/`)).headers['content-type']).toContain('text/plain')
})
