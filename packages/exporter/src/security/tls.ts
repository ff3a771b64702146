import { readFileSync } from 'node:fs'
import { createSecureContext, type TlsOptions as NodeTlsOptions, type SecureVersion, type TLSSocket } from 'node:tls'
import { ExporterOptionError } from '../errors.js'
import { type Path, refuseUnknown } from './path.js'

/** How the server deals with clients' certificates, in the words of Go and of Prometheus's web configuration. */
export type ClientAuthType =
  | 'NoClientCert'
  | 'RequestClientCert'
  | 'RequireAnyClientCert'
  | 'VerifyClientCertIfGiven'
  | 'RequireAndVerifyClientCert'

/** A version of TLS, as Prometheus's web configuration names it. */
export type TlsVersion = 'TLS10' | 'TLS11' | 'TLS12' | 'TLS13'

/** HTTPS instead of HTTP. The names are those of `tls_server_config` in Prometheus's web configuration. */
export interface TlsOptions {
  /** A file with the certificate, and those between it and the authority's, in PEM. */
  readonly certFile?: string
  /** The certificate itself, in PEM, instead of a file. */
  readonly cert?: string
  /** A file with its private key, in PEM. */
  readonly keyFile?: string
  /** The key itself, in PEM, instead of a file. */
  readonly key?: string
  /** A file with the authorities whose clients are let in (mutual TLS), in PEM. Wants a `clientAuthType`. */
  readonly clientCaFile?: string
  /** The authorities themselves, in PEM, instead of a file. */
  readonly clientCa?: string
  /** Whether clients show a certificate, and whether it is verified. @default 'NoClientCert' */
  readonly clientAuthType?: ClientAuthType
  /** Lets in only clients whose certificate has one of these names: host names, addresses, URIs, mail addresses. */
  readonly clientAllowedSans?: readonly string[]
  /** The oldest version that is spoken. @default 'TLS12' */
  readonly minVersion?: TlsVersion
  /** The newest version that is spoken. @default 'TLS13' */
  readonly maxVersion?: TlsVersion
  /** Of TLS 1.2 and older, by their IANA names. Node's own choice by default. */
  readonly cipherSuites?: readonly string[]
  /** Whether the order of `cipherSuites` decides, not the client's. @default true */
  readonly preferServerCipherSuites?: boolean
  /** Of `CurveP256`, `CurveP384`, `CurveP521` and `X25519`. Node's own choice by default. */
  readonly curvePreferences?: readonly string[]
}

export interface TlsSettings {
  readonly server: NodeTlsOptions
  /** Whether only clients whose certificate was verified get in. */
  readonly verifiesClients: boolean
  /** Whether a connection may stay, by its client's certificate. */
  admits(socket: TLSSocket): boolean
  /** The same with what the files say now. Throws as at the start. */
  reread(): TlsSettings
}

const VERSIONS: Readonly<Record<TlsVersion, SecureVersion>> = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
}
const CURVES: Readonly<Record<string, string>> = {
  CurveP256: 'P-256',
  CurveP384: 'P-384',
  CurveP521: 'P-521',
  X25519: 'X25519',
}
const CLIENT_AUTH_TYPES: readonly ClientAuthType[] = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
]
const NAMES = [
  ...['certFile', 'cert', 'keyFile', 'key', 'clientCaFile', 'clientCa', 'clientAuthType', 'clientAllowedSans'],
  ...['minVersion', 'maxVersion', 'cipherSuites', 'preferServerCipherSuites', 'curvePreferences'],
]

/** Reads the files, fills in the defaults and refuses what cannot work. */
export function resolveTls(options: TlsOptions, path: Path): TlsSettings {
  refuseUnknown(options, NAMES, path)
  const { minVersion = 'TLS12', maxVersion = 'TLS13', clientAuthType = 'NoClientCert' } = options
  const { preferServerCipherSuites = true } = options
  for (const [name, value] of Object.entries({ minVersion, maxVersion })) {
    if (!Object.hasOwn(VERSIONS, value)) refuse(path.of(name), `one of ${Object.keys(VERSIONS).join(', ')}`, value)
  }
  if (!CLIENT_AUTH_TYPES.includes(clientAuthType)) {
    refuse(path.of('clientAuthType'), `one of ${CLIENT_AUTH_TYPES.join(', ')}`, clientAuthType)
  }
  if (typeof preferServerCipherSuites !== 'boolean') {
    refuse(path.of('preferServerCipherSuites'), 'true or false', preferServerCipherSuites)
  }
  const sans = names(options.clientAllowedSans, path.of('clientAllowedSans'))
  const ciphers = names(options.cipherSuites, path.of('cipherSuites'))?.map(opensslName)
  const curves = names(options.curvePreferences, path.of('curvePreferences'))?.map((curve) => {
    return CURVES[curve] ?? refuse(path.of('curvePreferences'), `some of ${Object.keys(CURVES).join(', ')}`, curve)
  })
  const cert = pem(options, 'cert', path) ?? refuse(path.of('certFile'), 'the file of the certificate', undefined)
  const key = pem(options, 'key', path) ?? refuse(path.of('keyFile'), "the file of the certificate's key", undefined)
  const ca = pem(options, 'clientCa', path)
  const verifies = clientAuthType.includes('Verify')
  if (verifies !== (ca !== undefined)) {
    refuse(
      path.of('clientAuthType'),
      `${ca ? 'one that verifies' : 'none that verifies'} ${ca ? 'with' : 'without'} a clientCaFile`,
      clientAuthType,
    )
  }
  const requires = clientAuthType.startsWith('Require')
  if (sans !== undefined && !(requires && verifies)) {
    refuse(path.of('clientAllowedSans'), 'absent without RequireAndVerifyClientCert', sans)
  }
  const server: NodeTlsOptions = {
    cert,
    key,
    minVersion: VERSIONS[minVersion],
    maxVersion: VERSIONS[maxVersion],
    honorCipherOrder: preferServerCipherSuites,
    requestCert: clientAuthType !== 'NoClientCert',
    rejectUnauthorized: requires && verifies,
    ...(ca && { ca }),
    ...(ciphers && { ciphers: ciphers.join(':') }),
    ...(curves && { ecdhCurve: curves.join(':') }),
  }
  check(server, options, path)
  return {
    server,
    verifiesClients: requires && verifies,
    admits: (socket) => {
      const certificate = socket.getPeerX509Certificate()
      if (certificate === undefined) return !requires
      if (verifies && !socket.authorized) return false
      const shown = certificate.subjectAltName?.split(', ').map((san) => san.slice(san.indexOf(':') + 1))
      return sans === undefined || sans.some((san) => shown?.includes(san))
    },
    reread: () => resolveTls(options, path),
  }
}

function refuse(option: string, expected: string, received: unknown, cause?: unknown): never {
  throw new ExporterOptionError(option, expected, received, cause)
}

/** Stands in errors for what may be a key. */
const HIDDEN = 'something else'

/** What stands in the options themselves or in the file they name. */
function pem(options: TlsOptions, name: 'cert' | 'key' | 'clientCa', path: Path): string | undefined {
  const fileName = `${name}File` as const
  const { [name]: text, [fileName]: file } = options
  if (text !== undefined && file !== undefined) refuse(path.of(name), `absent beside ${path.of(fileName)}`, HIDDEN)
  if (text !== undefined) return typeof text === 'string' ? text : refuse(path.of(name), 'a string in PEM', HIDDEN)
  if (file === undefined) return undefined
  if (typeof file !== 'string' || file === '') refuse(path.of(fileName), 'the name of a file', file)
  try {
    return readFileSync(path.file(file), 'utf8')
  } catch (error) {
    return refuse(path.of(fileName), 'a file that can be read', file, error)
  }
}

/** Lets TLS look at each part alone, so that the error names the one that is wrong. */
function check({ cert, key, ca, ...rest }: NodeTlsOptions, options: TlsOptions, path: Path): void {
  const attempt = (name: 'cert' | 'key' | 'clientCa', expected: string, parts: NodeTlsOptions) => {
    const file = options[`${name}File`]
    try {
      createSecureContext(parts)
    } catch (error) {
      refuse(path.of(file === undefined ? name : `${name}File`), expected, file ?? HIDDEN, error)
    }
  }
  attempt('cert', 'a certificate in PEM', { cert })
  attempt('key', 'the private key of the certificate, in PEM', { cert, key })
  attempt('clientCa', 'certificates in PEM', { ca })
  try {
    createSecureContext({ cert, key, ...rest })
  } catch (error) {
    refuse(path.of('cipherSuites'), 'what TLS knows', options.cipherSuites ?? options.curvePreferences, error)
  }
}

function names(value: readonly string[] | undefined, option: string): readonly string[] | undefined {
  if (value === undefined) return undefined
  const isList = Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== '')
  return isList ? value : refuse(option, 'a list of names', value)
}

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` is OpenSSL's `ECDHE-RSA-AES128-GCM-SHA256`; those of TLS 1.3 are called alike. */
function opensslName(suite: string): string {
  if (!suite.includes('_WITH_')) return suite
  return suite
    .replace(/^TLS_(RSA_WITH_)?/, '')
    .replace('_WITH_', '_')
    .replace(/AES_(\d+)/, 'AES$1')
    .replace('3DES_EDE_CBC', 'DES_CBC3')
    .replace(/(AES\d+)_CBC/, '$1')
    .replace(/(CHACHA20_POLY1305)_SHA256$/, '$1')
    .replaceAll('_', '-')
}
