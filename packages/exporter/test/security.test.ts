import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { startPrometheus } from '@otel-cache/test-servers'
import { hashSync } from 'bcryptjs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type PrometheusPortOptions, startPrometheusExporter, type TlsOptions } from '../src/index.js'
import { ask, recordDiag } from './helpers.js'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const certFile = path('../../test-servers/tls/cert.pem')
const keyFile = path('../../test-servers/tls/key.pem')
const known = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
const stranger = {
  cert: readFileSync(path('tls/stranger-cert.pem')),
  key: readFileSync(path('tls/stranger-key.pem')),
}

/** Of the least cost that bcrypt has. */
const HASH = hashSync('opensesame', 4)

async function start(options: PrometheusPortOptions) {
  const exporter = await startPrometheusExporter({ port: 0, ...options })
  onTestFinished(() => exporter.close())
  return exporter
}

function basic(user: string, password: string) {
  return { headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` } }
}

function bearer(token: string) {
  return { headers: { authorization: `Bearer ${token}` } }
}

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'otel-cache-exporter-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

/** The status of a scrape over TLS, or the code of the error why there is none. */
async function statusOverTls(url: string, options: ConnectionOptions = {}): Promise<number | string | undefined> {
  return new Promise((resolve) => {
    get(url, { agent: false, ca: known.cert, ...options }, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
  })
}

describe('a bearer token', () => {
  test('opens the metrics, and nothing else does', async () => {
    const { url } = await start({ bearerToken: 'secret' })
    const { status, headers } = await ask(url)
    expect(status).toBe(401)
    expect(headers['www-authenticate']).toBe('Bearer realm="metrics"')
    expect((await ask(url, bearer('secret'))).status).toBe(200)
    expect((await ask(url, { headers: { authorization: 'bearer  secret' } })).status).toBe(200)
    for (const token of ['Secret', 'secret2', 'secre', '', 'secret secret']) {
      expect((await ask(url, bearer(token))).status).toBe(401)
    }
    expect((await ask(url, basic('secret', 'secret'))).status).toBe(401)
    expect((await ask(url, { method: 'POST' })).status).toBe(401)
  })
})

describe('basic authentication', () => {
  test('opens the metrics with the password whose hash is known', async () => {
    const { url } = await start({ basicAuthUsers: { alice: HASH, bob: HASH.replace('$2b$', '$2y$') } })
    const { status, headers } = await ask(url)
    expect(status).toBe(401)
    expect(headers['www-authenticate']).toBe('Basic realm="metrics", charset="UTF-8"')
    expect((await ask(url, basic('alice', 'opensesame'))).status).toBe(200)
    expect((await ask(url, basic('alice', 'opensesame'))).status).toBe(200)
    expect((await ask(url, basic('bob', 'opensesame'))).status).toBe(200)
    for (const [user, password] of [
      ['alice', 'opensesam'],
      ['alice', ''],
      ['alice', HASH],
      ['carol', 'opensesame'],
      ['', ''],
      ['__proto__', 'opensesame'],
    ] as const) {
      expect((await ask(url, basic(user, password))).status).toBe(401)
    }
    for (const authorization of ['Basic', 'Basic !!!', 'Basic YWxpY2U=', 'Digest x', 'x'.repeat(8_000)]) {
      expect((await ask(url, { headers: { authorization } })).status).toBe(401)
    }
  })

  test('beside a token, either opens the metrics', async () => {
    const { url } = await start({ basicAuthUsers: { alice: HASH }, bearerToken: 'secret' })
    expect((await ask(url)).headers['www-authenticate']).toBe(
      'Basic realm="metrics", charset="UTF-8", Bearer realm="metrics"',
    )
    expect((await ask(url, bearer('secret'))).status).toBe(200)
    expect((await ask(url, basic('alice', 'opensesame'))).status).toBe(200)
  })

  test('who is known is let in through a flood of wrong passwords, of which few are compared', async () => {
    const { url } = await start({ basicAuthUsers: { alice: hashSync('opensesame', 10) } })
    const alice = basic('alice', 'opensesame')
    expect((await ask(url, alice)).status).toBe(200)
    const statuses = new Map<number | undefined, number>()
    for (let wave = 0; wave < 20; wave++) {
      const answers = Array.from({ length: 50 }, (_, index) => ask(url, basic('alice', `wrong ${wave} ${index}`)))
      const [mine, ...others] = await Promise.all([ask(url, alice), ...answers])
      expect(mine.status).toBe(200)
      for (const { status } of others) statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    expect([...statuses.keys()].sort()).toEqual([401, 429])
    expect(statuses.get(429)).toBeGreaterThan(500)
  })

  test('a scraper that repeats wrong credentials is refused from memory', async () => {
    const { url } = await start({ basicAuthUsers: { alice: hashSync('opensesame', 10) } })
    expect((await ask(url, basic('alice', 'wrong'))).status).toBe(401)
    for (let time = 0; time < 100; time++) expect((await ask(url, basic('alice', 'wrong'))).status).toBe(401)
  })

  test('who asks at once with the same credentials waits for one comparison', async () => {
    const { url } = await start({ basicAuthUsers: { alice: hashSync('opensesame', 10) } })
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(url, basic('alice', 'opensesame'))))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
  })
})

describe('TLS', () => {
  test('serves HTTPS, of version 1.2 and newer', async () => {
    const { url } = await start({ tls: { certFile, keyFile } })
    expect(url).toMatch(/^https:/)
    expect(await statusOverTls(url)).toBe(200)
    expect(await statusOverTls(url, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).toMatch(/^E/)
    await expect(ask(url.replace('https', 'http'))).rejects.toThrow()
  })

  test('takes the certificate itself instead of a file', async () => {
    const { url } = await start({ tls: { cert: String(known.cert), key: String(known.key) } })
    expect(await statusOverTls(url)).toBe(200)
  })

  test('lets in clients by their certificate', async () => {
    const statuses = async (tls: TlsOptions) => {
      const { url } = await start({ tls: { certFile, keyFile, ...tls } })
      const answers = [await statusOverTls(url), await statusOverTls(url, known), await statusOverTls(url, stranger)]
      return answers.map((answer) => answer === 200)
    }
    const clientCaFile = certFile
    // Without a certificate, with one that is verified, with a stranger's.
    expect(await statuses({})).toEqual([true, true, true])
    expect(await statuses({ clientAuthType: 'RequestClientCert' })).toEqual([true, true, true])
    expect(await statuses({ clientAuthType: 'RequireAnyClientCert' })).toEqual([false, true, true])
    expect(await statuses({ clientCaFile, clientAuthType: 'VerifyClientCertIfGiven' })).toEqual([true, true, false])
    expect(await statuses({ clientCaFile, clientAuthType: 'RequireAndVerifyClientCert' })).toEqual([false, true, false])
    const both = { clientCaFile, clientAuthType: 'RequireAndVerifyClientCert' } as const
    expect(await statuses({ ...both, clientAllowedSans: ['localhost'] })).toEqual([false, true, false])
    expect(await statuses({ ...both, clientAllowedSans: ['elsewhere'] })).toEqual([false, false, false])
  })

  test('takes renewed certificates, and keeps the last right ones', async () => {
    const { error } = recordDiag()
    vi.useFakeTimers({ toFake: ['setInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const tls = {
      certFile: file('live-cert.pem', String(known.cert)),
      keyFile: file('live-key.pem', String(known.key)),
    }
    const { url } = await start({ tls })
    const shown = async () => {
      const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      const { CN } = socket.getPeerCertificate().subject
      socket.destroy()
      return CN
    }
    expect(await shown()).toBe('otel-cache tests')
    file('live-cert.pem', String(stranger.cert))
    vi.advanceTimersByTime(60_000)
    expect(await shown()).toBe('otel-cache tests')
    expect(error).toHaveBeenCalledWith(
      expect.stringContaining('[OTEL_CACHE_CERTIFICATES_NOT_READ]'),
      expect.objectContaining({ message: expect.stringMatching(/^tls.keyFile/) }),
    )
    file('live-key.pem', String(stranger.key))
    vi.advanceTimersByTime(60_000)
    expect(await shown()).toBe('stranger')
  })

  test('takes cipher suites and curves by their IANA names', async () => {
    const { url } = await start({
      tls: {
        ...{ certFile, keyFile, maxVersion: 'TLS12', curvePreferences: ['CurveP384'] },
        cipherSuites: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'],
      },
    })
    expect(await statusOverTls(url, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).toBe(200)
    expect(await statusOverTls(url, { ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' })).toBe(200)
    expect(await statusOverTls(url, { ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' })).toMatch(/^E/)
    expect(await statusOverTls(url, { ecdhCurve: 'P-256' })).toMatch(/^E/)
  })
})

describe("Prometheus's web configuration", () => {
  test('says all that it can say', async () => {
    file('cert.pem', String(known.cert))
    file('key.pem', String(known.key))
    const webConfigFile = file(
      'web.yml',
      `tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
  client_ca_file: cert.pem
  client_auth_type: RequireAndVerifyClientCert
  min_version: TLS13
  cipher_suites: [TLS_AES_128_GCM_SHA256]
  curve_preferences: [CurveP256, X25519]
http_server_config:
  http2: true
  headers:
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: ${HASH}
`,
    )
    const { url } = await start({ webConfigFile })
    expect(await statusOverTls(url)).not.toBe(200)
    expect(await statusOverTls(url, known)).toBe(401)
    expect(await statusOverTls(url, { ...known, ...basic('alice', 'opensesame') } as object)).toBe(200)
    expect(await statusOverTls(url, { ...known, maxVersion: 'TLSv1.2' })).toMatch(/^E/)
    const headers = await new Promise((resolve) => {
      get(url, { ...known, agent: false, ca: known.cert }, (response) => resolve(response.resume().headers))
    })
    expect(headers).toHaveProperty('strict-transport-security', 'max-age=31536000')
  })

  test.each(['', 'basic_auth_users:\n', 'http_server_config: {}\n'])('%j protects nothing', async (text) => {
    const { url } = await start({ webConfigFile: file('empty.yml', text) })
    expect((await ask(url)).status).toBe(200)
  })
})

test('a real Prometheus gets in with its certificate and its password, and not with another one', async () => {
  const tls: TlsOptions = { certFile, keyFile, clientCaFile: certFile, clientAuthType: 'RequireAndVerifyClientCert' }
  const { meterProvider, address } = await start({ tls, basicAuthUsers: { alice: HASH } })
  meterProvider.getMeter('shop').createCounter('orders').add(3)
  const job = (name: string, password: string) => `
  - job_name: ${name}
    scheme: https
    tls_config: { ca_file: ${certFile}, cert_file: ${certFile}, key_file: ${keyFile} }
    basic_auth: { username: alice, password: ${password} }
    static_configs: [{ targets: ["127.0.0.1:${address().port}"] }]`
  const config = `global: { scrape_interval: 200ms }\nscrape_configs:${job('right', 'opensesame')}${job('wrong', 'hush')}\n`
  const prometheus = await startPrometheus({ config })
  onTestFinished(() => prometheus.stop())
  const values = async (expression: string) => (await prometheus.query(expression)).map(({ value }) => value)
  await vi.waitFor(async () => expect(await values('up{job="right"}')).toEqual([1]), {
    timeout: 20_000,
    interval: 100,
  })
  expect(await values('orders_total{job="right"}')).toEqual([3])
  await vi.waitFor(async () => expect(await values('up{job="wrong"}')).toEqual([0]), {
    timeout: 20_000,
    interval: 100,
  })
})

describe('what cannot protect is refused', () => {
  const missing = path('no-such-file')
  const notPem = path('tls/README.md')
  const other = path('tls/stranger-key.pem')
  const cases: Array<[object, string | RegExp]> = [
    [{ bearerToken: '' }, 'bearerToken must be a non-empty string without spaces'],
    [{ bearerToken: 7 }, 'bearerToken must be a non-empty string without spaces'],
    [{ basicAuthUsers: { alice: 'plain' } }, 'basicAuthUsers: the password of alice must be a bcrypt hash'],
    // Of forms that bcrypt does not compare.
    [{ basicAuthUsers: { alice: HASH.replace('$2b$', '$2$') } }, /: the password of alice must be a bcrypt hash/],
    [{ basicAuthUsers: { alice: HASH.replace('$2b$', '$2B$') } }, /: the password of alice must be a bcrypt hash/],
    [{ basicAuthUsers: { 'a:b': HASH } }, "basicAuthUsers must be made of users without a colon; received 'a:b'"],
    [{ basicAuthUsers: 'alice' }, 'basicAuthUsers must be an object'],
    [{ tls: true }, 'tls must be an object; received true'],
    [{ tls: {} }, 'tls.certFile must be the file of the certificate; received undefined'],
    [{ tls: { certFile } }, "tls.keyFile must be the file of the certificate's key; received undefined"],
    [
      { tls: { certFile: missing, keyFile } },
      /^tls.certFile must be a file that can be read; received '.*no-such-file': ENOENT/,
    ],
    [{ tls: { certFile: folderOfThis(), keyFile } }, /^tls.certFile must be a file that can be read; .*EISDIR/],
    [{ tls: { certFile: notPem, keyFile } }, /^tls.certFile must be a certificate in PEM; received '.*README.md'/],
    [
      { tls: { certFile, keyFile: notPem } },
      /^tls.keyFile must be the private key of the certificate, in PEM; received/,
    ],
    [{ tls: { certFile, keyFile: other } }, /^tls.keyFile must be the private key .*stranger-key.pem': .*mismatch/],
    [{ tls: { certFile, keyFile, certfile: 'x' } }, /^tls must be made of certFile, .*, not certfile; received/],
    // A secret under a misspelt name.
    [{ bearerTokn: 's3cret' }, /^options must be made of .*, not bearerTokn; received { bearerTokn: Text {} }$/],
    [{ tls: { certFile, keyFile, minVersion: 'SSL30' } }, /^tls.minVersion must be one of TLS10, .*; received 'SSL30'/],
    [{ tls: { certFile, keyFile, clientAuthType: 'Maybe' } }, /^tls.clientAuthType must be one of NoClientCert, /],
    [
      { tls: { certFile, keyFile, clientAuthType: 'RequireAndVerifyClientCert' } },
      /^tls.clientAuthType must be none that/,
    ],
    [{ tls: { certFile, keyFile, clientCaFile: certFile } }, /^tls.clientAuthType must be one that verifies/],
    [{ tls: { certFile, keyFile, cipherSuites: ['TLS_NO_WITH_SUCH'] } }, /^tls.cipherSuites must be what TLS knows/],
    [{ tls: { certFile, keyFile, curvePreferences: ['P9'] } }, /^tls.curvePreferences must be some of CurveP256, /],
    [{ tls: { certFile, keyFile, clientAllowedSans: ['a'] } }, /^tls.clientAllowedSans must be absent without Require/],
    [
      { tls: { certFile, cert: 'x', keyFile } },
      /^tls.cert must be absent beside tls.certFile; received 'something else'/,
    ],
    [{ webConfigFile: missing }, /^webConfigFile must be a file that can be read; received '.*no-such-file': ENOENT/],
    [{ webConfigFile: 7 }, 'webConfigFile must be the name of a file; received 7'],
    [{ webConfigFile: 'x', tls: { certFile, keyFile } }, 'webConfigFile must be absent where tls or basicAuthUsers is'],
  ]
  test.each(cases)('%j', async (options, message) => {
    const error = startPrometheusExporter({ port: 0, ...options } as PrometheusPortOptions)
    await expect(error).rejects.toMatchObject({ code: 'ERR_EXPORTER_INVALID_OPTION' })
    await expect(error).rejects.toThrow(message)
  })

  test.each([
    ['tls: {', /^webConfigFile must be a file in YAML; received '.*bad.yml': .*line 1/s],
    ['- 1', /bad.yml must be an object/],
    ['tls_config: {}', /bad.yml must be made of tls_server_config, .*, not tls_config/],
    [
      'tls_server_config: { cert_file: gone.pem, key_file: k }',
      /^tls_server_config.cert_file in .*bad.yml must be a file that can be read; received 'gone.pem': ENOENT/,
    ],
    ['tls_server_config: { certs: gone.pem }', /^tls_server_config in .*bad.yml must be made of .* not certs/],
    ['tls_server_config: 7', /^tls_server_config in .*bad.yml must be an object; received 7/],
    ['http_server_config: { headers: { "a b": c } }', /^http_server_config.headers in .*bad.yml must be HTTP headers/],
    [
      'http_server_config: { http3: true }',
      /^http_server_config in .*bad.yml must be made of http2, headers, not http3/,
    ],
    [
      'basic_auth_users: { alice: secret }',
      /^basic_auth_users in .*bad.yml: the password of alice must be a bcrypt hash/,
    ],
  ])('a web configuration of %j', async (text, message) => {
    const error = startPrometheusExporter({ port: 0, webConfigFile: file('bad.yml', text) })
    await expect(error).rejects.toThrow(message)
  })

  test('an error does not tell secrets', async () => {
    const secrets: object[] = [
      { bearerToken: 'hush hush' },
      { basicAuthUsers: { alice: 'hush' } },
      { tls: { cert: 'hush', key: 'hush' } },
      { bearerToken: 'hush', prot: 7 },
    ]
    for (const options of secrets) {
      const error = await startPrometheusExporter({ port: 0, ...options }).catch((error: unknown) => error)
      expect(String(error)).toContain('must be')
      expect(String(error)).not.toContain('hush')
    }
  })

  function folderOfThis(): string {
    return path('tls')
  }
})
