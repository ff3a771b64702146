import { diag } from '@opentelemetry/api'
import { ExporterOptionError } from './errors.js'
import { type ExemplarSource, registeredExemplars } from './exemplars.js'
import { refuseUnknown } from './security/path.js'
import { resolveSecurity, type SecurityOptions, type SecuritySettings } from './security/security.js'

/** Where and how the metrics are served. */
export interface PrometheusPortOptions extends SecurityOptions {
  /**
   * The address to listen on. The default is reachable from this machine alone; a container that Prometheus scrapes
   * from outside wants `'0.0.0.0'` or `'::'`.
   * @default OTEL_EXPORTER_PROMETHEUS_HOST, or '127.0.0.1'
   */
  readonly host?: string
  /**
   * The TCP port, 0 to 65535. With 0 the operating system chooses a free one, and `address()` tells which.
   * @default OTEL_EXPORTER_PROMETHEUS_PORT, or 9464
   */
  readonly port?: number
  /**
   * One port for a `node:cluster`: the primary opens it and serves the sums over itself and its workers, which open
   * none. To be said in the primary and in each worker.
   * @default false
   */
  readonly cluster?: boolean
  /** Shows the caches as charts at `/`, to whoever may read the metrics. @default true */
  readonly page?: boolean
  /** Leaves `otel_scope_name`, `otel_scope_version` and `otel_scope_schema_url` out of the labels. @default false */
  readonly withoutScopeInfo?: boolean
  /** Leaves out `target_info`, which has the attributes of the resource. @default false */
  readonly withoutTargetInfo?: boolean
  /**
   * Where the exemplars of OpenMetrics come from, which the OpenTelemetry SDK does not keep.
   * @default what instrumentation has registered, such as `@otel-cache/core`
   */
  readonly exemplars?: ExemplarSource
}

/** A host and a TCP port that are listened on. */
export interface Address {
  /** As the operating system tells it: an address, no name. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
}

export interface Settings {
  readonly address: Address
  readonly cluster: boolean
  readonly page: boolean
  readonly withoutScopeInfo: boolean
  readonly withoutTargetInfo: boolean
  readonly exemplars: ExemplarSource
  readonly security: SecuritySettings
}

const SWITCHES = ['cluster', 'page', 'withoutScopeInfo', 'withoutTargetInfo'] as const
const NAMES = [
  ...['host', 'port', ...SWITCHES, 'exemplars'],
  ...['tls', 'basicAuthUsers', 'bearerToken', 'webConfigFile'],
]

/** Fills in the defaults and refuses what cannot work. */
export function resolveOptions(options: PrometheusPortOptions = {}): Settings {
  refuseUnknown(options, NAMES, { of: () => 'options', file: (name) => name })
  const { host = hostFromEnvironment(), port = portFromEnvironment(), exemplars = registeredExemplars } = options
  if (typeof host !== 'string' || host === '') throw new ExporterOptionError('host', 'a non-empty string', host)
  if (!isPort(port)) throw new ExporterOptionError('port', 'an integer from 0 to 65535', port)
  if (typeof exemplars !== 'function') throw new ExporterOptionError('exemplars', 'a function', exemplars)
  const { cluster = false, page = true, withoutScopeInfo = false, withoutTargetInfo = false } = options
  for (const [name, value] of Object.entries({ cluster, page, withoutScopeInfo, withoutTargetInfo })) {
    if (typeof value !== 'boolean') throw new ExporterOptionError(name, 'true or false', value)
  }
  const security = resolveSecurity(options)
  return { address: { host, port }, cluster, page, withoutScopeInfo, withoutTargetInfo, exemplars, security }
}

function hostFromEnvironment(): string {
  return process.env['OTEL_EXPORTER_PROMETHEUS_HOST'] || '127.0.0.1'
}

/** What makes no sense in the environment is told and ignored, as OpenTelemetry's specification wants it. */
function portFromEnvironment(): number {
  const text = process.env['OTEL_EXPORTER_PROMETHEUS_PORT']
  if (text === undefined || text === '') return DEFAULT_PORT
  if (isPort(Number(text))) return Number(text)
  const why = `OTEL_EXPORTER_PROMETHEUS_PORT must be an integer from 0 to 65535; received '${text}', ignored`
  diag.warn(`otel-cache: ${why} [OTEL_CACHE_PORT_IGNORED]`)
  return DEFAULT_PORT
}

const DEFAULT_PORT = 9464

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= 65_535
}
