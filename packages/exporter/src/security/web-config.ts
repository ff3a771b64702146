import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { ExporterOptionError } from '../errors.js'
import { type Path, refuseUnknown } from './path.js'
import type { TlsOptions } from './tls.js'

/** What Prometheus's web configuration can say; nothing of it is checked yet. */
export interface WebConfig {
  readonly tls: TlsOptions | undefined
  readonly headers: unknown
  readonly basicAuthUsers: unknown
  readonly path: (section: Section) => Path
}

const SECTIONS = ['tls_server_config', 'http_server_config', 'basic_auth_users'] as const
type Section = (typeof SECTIONS)[number]

/**
 * Reads the file that Prometheus and its exporters take with `--web.config.file`.
 * @see https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
 */
export function readWebConfig(file: unknown): WebConfig {
  if (typeof file !== 'string' || file === '')
    throw new ExporterOptionError('webConfigFile', 'the name of a file', file)
  const config = load(file)
  const inFile = (name: string) => `${name} in ${file}`
  const path = (section: Section): Path => ({
    of: (name) => inFile(name === '' ? section : `${section}.${snakeCase(name)}`),
    file: (name) => resolve(dirname(file), name),
  })
  const top: Path = { of: () => file, file: (name) => name }
  refuseUnknown(config, SECTIONS, top)
  const http = config.http_server_config ?? {}
  refuseUnknown(http, ['http2', 'headers'], path('http_server_config'))
  const tls = config.tls_server_config
  return {
    tls: isRecord(tls) ? renamed(tls) : ((tls as TlsOptions | undefined) ?? undefined),
    headers: http.headers,
    basicAuthUsers: config.basic_auth_users,
    path,
  }
}

interface Sections {
  readonly tls_server_config?: unknown
  readonly http_server_config?: { readonly headers?: unknown }
  readonly basic_auth_users?: unknown
}

function load(file: string): Sections {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new ExporterOptionError('webConfigFile', 'a file that can be read', file, error)
  }
  try {
    return parse(text) ?? {}
  } catch (error) {
    throw new ExporterOptionError('webConfigFile', 'a file in YAML', file, error)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `cert_file` is our `certFile`. */
function renamed(section: Record<string, unknown>): TlsOptions {
  return Object.fromEntries(
    Object.entries(section).map(([name, value]) => [
      name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()),
      value,
    ]),
  )
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
