import { validateHeaderName, validateHeaderValue } from 'node:http'
import { ExporterOptionError } from '../errors.js'
import type { AuthenticationSettings } from './authentication.js'
import { type Path, refuseUnknown } from './path.js'
import { resolveTls, type TlsOptions, type TlsSettings } from './tls.js'
import { readWebConfig } from './web-config.js'

/** Who may read the metrics, and over what. */
export interface SecurityOptions {
  /** Serves HTTPS, with client certificates (mutual TLS) where asked for. HTTP without it. */
  readonly tls?: TlsOptions
  /** Users who may read the metrics, each with the bcrypt hash of a password, as `htpasswd -nBC 10 USER` makes it. */
  readonly basicAuthUsers?: Readonly<Record<string, string>>
  /** A token that opens the metrics as `Authorization: Bearer TOKEN`. Beside users, either will do. */
  readonly bearerToken?: string
  /**
   * A file in the form that Prometheus and its exporters take with `--web.config.file`: `tls_server_config`,
   * `http_server_config` and `basic_auth_users`. Instead of `tls` and `basicAuthUsers`. It is read once;
   * certificates are read again every minute.
   */
  readonly webConfigFile?: string
}

export interface SecuritySettings extends AuthenticationSettings {
  readonly tls: TlsSettings | undefined
  /** Of every answer. */
  readonly headers: Readonly<Record<string, string>>
  /** Whether nobody reads the metrics without showing who they are. */
  readonly isProtected: boolean
}

/** Reads the files that are named and refuses what cannot work: protection that fails must not fail open. */
export function resolveSecurity(options: SecurityOptions): SecuritySettings {
  const { bearerToken, webConfigFile } = options
  if (bearerToken !== undefined && (typeof bearerToken !== 'string' || !/^\S+$/.test(bearerToken))) {
    throw new ExporterOptionError('bearerToken', 'a non-empty string without spaces', HIDDEN)
  }
  const { tls, basicAuthUsers, headers } = webConfigFile === undefined ? fromOptions(options) : fromFile(options)
  const isProtected = bearerToken !== undefined || basicAuthUsers.size > 0 || tls?.verifiesClients === true
  return { tls, basicAuthUsers, headers, bearerToken, isProtected }
}

type Resolved = Pick<SecuritySettings, 'tls' | 'basicAuthUsers' | 'headers'>

function fromOptions({ tls, basicAuthUsers = {} }: SecurityOptions): Resolved {
  return {
    tls: tls === undefined ? undefined : resolveTls(tls, optionPath('tls')),
    basicAuthUsers: resolveUsers(basicAuthUsers, optionPath('basicAuthUsers')),
    headers: {},
  }
}

function fromFile({ webConfigFile, tls, basicAuthUsers }: SecurityOptions): Resolved {
  if (tls !== undefined || basicAuthUsers !== undefined) {
    throw new ExporterOptionError('webConfigFile', 'absent where tls or basicAuthUsers is given', webConfigFile)
  }
  const config = readWebConfig(webConfigFile)
  return {
    tls: config.tls === undefined ? undefined : resolveTls(config.tls, config.path('tls_server_config')),
    basicAuthUsers: resolveUsers(config.basicAuthUsers ?? {}, config.path('basic_auth_users')),
    headers: resolveHeaders(config.headers ?? {}, config.path('http_server_config')),
  }
}

function optionPath(option: string): Path {
  return { of: (name) => (name === '' ? option : `${option}.${name}`), file: (name) => name }
}

const HASH = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./a-zA-Z\d]{53}$/
/** Stands in errors for what may be a secret. */
const HIDDEN = 'something else'

function resolveUsers(users: unknown, path: Path): ReadonlyMap<string, string> {
  if (typeof users !== 'object' || users === null) throw new ExporterOptionError(path.of(''), 'an object', HIDDEN)
  for (const [user, hash] of Object.entries(users)) {
    if (user.includes(':')) throw new ExporterOptionError(path.of(''), 'made of users without a colon', user)
    if (typeof hash !== 'string' || !HASH.test(hash)) {
      throw new ExporterOptionError(`${path.of('')}: the password of ${user}`, 'a bcrypt hash', HIDDEN)
    }
  }
  return new Map(Object.entries(users))
}

function resolveHeaders(headers: unknown, path: Path): Readonly<Record<string, string>> {
  refuseUnknown(headers, Object.keys(headers ?? {}), path, path.of('headers'))
  for (const [name, value] of Object.entries(headers as Record<string, string>)) {
    try {
      validateHeaderName(name)
      validateHeaderValue(name, value)
    } catch (error) {
      throw new ExporterOptionError(path.of('headers'), 'HTTP headers', { [name]: value }, error)
    }
  }
  return headers as Record<string, string>
}
