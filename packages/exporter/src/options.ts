import { ExporterOptionError } from './errors.js'

/** Where the metrics are served. */
export interface PrometheusPortOptions {
  /**
   * The address to listen on. The default is reachable from this machine alone; a container that Prometheus scrapes
   * from outside wants `'0.0.0.0'` or `'::'`.
   * @default '127.0.0.1'
   */
  readonly host?: string
  /**
   * The TCP port, 0 to 65535. With 0 the operating system chooses a free one, and `address()` tells which.
   * @default 9464
   */
  readonly port?: number
}

/** A host and a TCP port that are listened on. */
export interface Address {
  readonly host: string
  readonly port: number
}

const defaults: Address = { host: '127.0.0.1', port: 9464 }

/** Fills in the defaults and refuses what cannot work. */
export function resolveOptions(options: PrometheusPortOptions = {}): Address {
  if (typeof options !== 'object' || options === null) throw new ExporterOptionError('options', 'an object', options)
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(defaults, name)) throw new ExporterOptionError('options', `host and port, not ${name}`, options)
  }
  const { host = defaults.host, port = defaults.port } = options
  if (typeof host !== 'string' || host === '') throw new ExporterOptionError('host', 'a non-empty string', host)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new ExporterOptionError('port', 'an integer from 0 to 65535', port)
  }
  return { host, port }
}
